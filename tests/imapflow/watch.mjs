// Watches mailboxes by IDLE with imapflow, and makes a Jira issue of each mail that comes: what mail2jira is compared with.
// Keeps no ledger, and repeats nothing. Reads its task as one line of JSON from stdin, says `loaded`, waits for another
// line, says `watching` once every mailbox is watched, and ends when its stdin does.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { ImapFlow } from 'imapflow';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse((await lines.next()).value);
const ca = readFileSync(task.ca_file);
const headers = {
  'content-type': 'application/json',
  authorization: `Basic ${Buffer.from(`${task.jira.email}:${task.jira.token}`).toString('base64')}`,
};

async function createIssue(source) {
  const summary = /^Subject: (.*?)\r?$/m.exec(source.toString('latin1'))[1];
  const text = source.toString('utf8').split('\r\n\r\n').slice(1).join('\n\n');
  const description = { type: 'doc', version: 1, content: [{ type: 'paragraph', content: [{ type: 'text', text }] }] };
  const { project, issue_type: name } = task.jira;
  const fields = { project: { key: project }, issuetype: { name }, summary, description };
  const answer = await fetch(`${task.jira.url}/rest/api/3/issue`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ fields }),
  });
  if (answer.status !== 201) throw new Error(`Jira answers ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

async function watch({ user, port }) {
  const client = new ImapFlow({
    host: 'localhost',
    port,
    secure: true,
    tls: { ca },
    auth: { user, pass: task.password },
    logger: false,
  });
  client.on('error', (error) => fail(error));
  await client.connect();
  await client.mailboxOpen('INBOX');
  client.on('exists', async ({ count, prevCount }) => {
    try {
      const sources = [];
      for await (const mail of client.fetch(`${prevCount + 1}:${count}`, { source: true })) sources.push(mail.source);
      for (const source of sources) await createIssue(source);
      await client.messageFlagsAdd(`${prevCount + 1}:${count}`, ['\\Seen']);
      await client.idle();
    } catch (error) {
      fail(error);
    }
  });
  client.idle().catch(fail);
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

console.log('loaded');
await lines.next();
const started = Date.now();
await Promise.all(
  task.mailboxes.map(async (mailbox, index) => {
    const due = started + (index * 1000) / task.per_second;
    await new Promise((go) => setTimeout(go, due - Date.now()));
    await watch(mailbox).catch(fail);
  }),
);
globalThis.gc();
console.log('watching');
while (!(await lines.next()).done);
process.exit(0);
