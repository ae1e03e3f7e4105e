//! Which trouble strikes in which round. Draws lots; touches nothing.

use fastrand::Rng;

/// What goes wrong in a round besides Jira, which is always in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing more.
    None,
    /// Dovecot is killed and started again.
    MailServerRestart,
    /// The processes that serve open sessions are killed.
    SessionsCut,
    /// The folder is numbered anew.
    NewUidValidity,
    /// Every access token is too old, and the first refresh meets a 503.
    TokensExpire,
    /// The same, and the answer to the first refresh is lost after the token was rotated.
    RefreshAnswerLost,
    /// The sign-in is down for the rest of the round.
    SignInDown,
}

impl Trouble {
    const REAL: [Self; 6] = [
        Self::NewUidValidity,
        Self::MailServerRestart,
        Self::SignInDown,
        Self::SessionsCut,
        Self::TokensExpire,
        Self::RefreshAnswerLost,
    ];
}

/// One for each round: half of the rounds have trouble, and each kind comes as often as any other.
pub fn troubles(rounds: usize, rng: &mut Rng) -> Vec<Trouble> {
    let real = Trouble::REAL.into_iter().cycle().take(rounds.div_ceil(2));
    let mut troubles: Vec<Trouble> = real.chain(std::iter::repeat(Trouble::None)).take(rounds).collect();
    rng.shuffle(&mut troubles);
    troubles
}
