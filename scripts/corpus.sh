#!/bin/sh
# How much sample mail comes out as expected, corpus by corpus, and which messages do not.
#
#   sh scripts/corpus.sh DIRECTORY   a collection with a manifest.jsonl, the messages, and a scorer for each suite:
#                                    score/score_SUITE.py COMMAND -v --batch N, which prints the figures and the failures
#   sh scripts/corpus.sh             the project's own messages, under tests/mail
set -eu

cargo=${CARGO:-cargo}
directory=${1:-}

if [ -z "$directory" ]; then
    echo "no CORPUS=directory was given: these are the project's own messages, under tests/mail"
    exec $cargo test --quiet --test integration -- --nocapture \
        quotes:: mail::real_looking_messages_come_out_as_recorded origin::
fi
if [ ! -f "$directory/manifest.jsonl" ]; then
    echo "error: there is no manifest.jsonl in $directory" >&2
    exit 1
fi
if ! command -v python3 >/dev/null; then
    echo "error: the scorers of a collection need python3" >&2
    exit 1
fi

$cargo build --quiet --locked --bin mail2jira
command="$(pwd)/target/debug/mail2jira preview {} --json"
failed=0
for scorer in "$directory"/score/score_*.py; do
    python3 "$scorer" "$command" -v --batch 40 --jobs 2 || failed=1
done
exit $failed
