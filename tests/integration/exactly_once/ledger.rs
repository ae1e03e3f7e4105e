//! The ledger's transactions, run on the spot, failing before and after their commit.

use std::sync::{Arc, Mutex};

use mail2jira::store::StoreError;
use mail2jira::store::commit::{Job, Ran, Transact};
use mail2jira::store::database::{Access, Connection};
use mail2jira::store::schema;

use super::faults::{Faults, Sabotage};

/// Where a file's fsync costs nothing: thousands of ledgers live and die there.
const MEMORY: &str = "/dev/shm";

pub struct SimulatedLedger {
    _home: tempfile::TempDir,
    connection: Mutex<Connection>,
    /// Jobs of processes that were killed before they learnt what came of them.
    unheard: Mutex<Vec<Ran>>,
    faults: Arc<Faults>,
    sabotage: Sabotage,
}

impl SimulatedLedger {
    pub fn new(faults: Arc<Faults>, sabotage: Sabotage) -> Self {
        let home = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir()).unwrap();
        let mut connection = Connection::sqlite(&home.path().join("state.db"), Access::Write).unwrap();
        schema::migrate(&mut connection).unwrap();
        Self { _home: home, connection: Mutex::new(connection), unheard: Mutex::default(), faults, sabotage }
    }
}

impl Transact for SimulatedLedger {
    fn submit(&self, job: Job) {
        let before = self.faults.strike("ledger failed before the commit", 0.03);
        let after = !before && self.faults.strike("ledger failed after the commit", 0.03);
        let mut ran = None;
        let mut connection = self.connection.lock().unwrap();
        let ended = connection.transaction(|tx| {
            let done = ran.insert(job.run(tx));
            if !done.keep || before {
                return Err(StoreError::Unavailable);
            }
            if self.sabotage == Sabotage::IntentNotRecorded {
                tx.execute("UPDATE messages SET stage = 'planned' WHERE stage = 'sent'", &[])?;
                tx.execute("UPDATE steps SET state = 'planned' WHERE state = 'sent'", &[])?;
            }
            Ok(())
        });
        drop(connection);
        let ran = ran.expect("the transaction runs its job");
        if self.faults.strike("everything was killed at a commit", 0.005) {
            self.unheard.lock().unwrap().push(ran);
            return self.faults.kill();
        }
        let failed_by_itself = !ran.keep;
        (ran.tell)(match ended {
            Ok(()) if after => Err(StoreError::CommitUnknown(Box::new(StoreError::Unavailable))),
            Err(error) if !failed_by_itself => Err(error),
            Ok(()) | Err(_) => Ok(()), // the job tells its own failure
        });
    }
}
