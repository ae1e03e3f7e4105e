//! What people do to issues meanwhile.

use super::{EDITED, SimulatedJira, State};

impl SimulatedJira {
    /// A person does something to an issue.
    pub fn set_state_of_one(&self, random: &mut fastrand::Rng, state: State) {
        let mut issues = self.issues.lock().unwrap();
        if let Some(issue) = random.choice(issues.iter_mut()) {
            issue.state = state;
        }
    }

    /// A person changes a text.
    pub fn edit_one(&self, random: &mut fastrand::Rng) {
        let mut issues = self.issues.lock().unwrap();
        let Some(issue) = random.choice(issues.iter_mut()) else { return };
        let (text, edited) = match random.choice(issue.comments.iter_mut()) {
            Some(comment) if random.bool() => (&mut comment.text, &mut comment.edited),
            _ => (&mut issue.text, &mut issue.edited),
        };
        *text = text.replace("\"content\":[", &format!("\"content\":[{EDITED},"));
        *edited = text.contains(EDITED);
    }

    /// A person deletes an issue.
    pub fn delete_one(&self, random: &mut fastrand::Rng) {
        let mut issues = self.issues.lock().unwrap();
        let living: Vec<usize> = (0..issues.len()).filter(|n| !issues[*n].deleted).collect();
        if let Some(number) = random.choice(living) {
            issues[number].deleted = true;
        }
    }
}
