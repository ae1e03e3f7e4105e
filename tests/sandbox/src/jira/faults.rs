//! What goes wrong, and when: faults for chosen requests, and a random mix of them. It decides; the API carries out.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// Whether something happens before Jira has written, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing is written.
    BeforeWrite,
    /// All is written, and the client does not hear of it.
    AfterWrite,
}

/// What an error's body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Looks {
    /// Jira's `{"errorMessages": …}`.
    #[default]
    Jira,
    /// A proxy's page.
    Html,
    /// Nothing at all.
    Empty,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// All is well but slow: this long passes before (or after) the write. The write takes place even when the
    /// client stops waiting.
    Delay {
        /// Milliseconds at least.
        min_ms: u64,
        /// Milliseconds at most.
        max_ms: u64,
        /// Where the time passes.
        #[serde(default = "before")]
        when: When,
    },
    /// 429; nothing is written.
    Busy {
        /// `Retry-After`, in seconds.
        retry_after_s: u64,
        /// `RateLimit-Reason`: `jira-burst-based`, `jira-per-issue-on-write`, `jira-quota-tenant-based`, …
        reason: String,
    },
    /// An error status.
    Status {
        /// 401, 403, 404, 413, 500, 502, 503, …
        status: u16,
        /// Before or after the write.
        #[serde(default = "before")]
        when: When,
        /// The body.
        #[serde(default)]
        looks: Looks,
    },
    /// The connection ends without an answer.
    Cut {
        /// Before or after the write.
        when: When,
    },
    /// All is written; the answer breaks off in its body.
    CutMidBody,
    /// No answer for so long, then the connection ends.
    Hang {
        /// Before or after the write.
        when: When,
        /// Milliseconds.
        ms: u64,
    },
}

/// An [`Effect`] for some requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only this method; any when left out.
    #[serde(default)]
    pub method: Option<String>,
    /// Only this path; `*` stands for anything.
    #[serde(default = "anything")]
    pub path: String,
    /// So many requests that fit are let through first.
    #[serde(default)]
    pub skip: u32,
    /// So many times, then no more; always when left out.
    #[serde(default)]
    pub times: Option<u32>,
    /// What goes wrong.
    pub effect: Effect,
}

/// A random mix: each value is the probability, 0 to 1, that a request meets it. The same seed and the same order of
/// requests give the same faults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chaos {
    /// Where the random numbers start.
    pub seed: u64,
    /// Only these paths, as in [`Fault::path`]; empty means all.
    pub path: String,
    /// 429 with `Retry-After: 1`.
    pub busy: f64,
    /// 503 before the write.
    pub error_before: f64,
    /// 500 after the write.
    pub error_after: f64,
    /// 502 with a page of HTML; after the write as often as before it.
    pub html: f64,
    /// Cut before the write.
    pub cut_before: f64,
    /// Cut after the write.
    pub cut_after: f64,
    /// Cut in the middle of the answer.
    pub cut_mid_body: f64,
    /// No answer for `hang_ms`; after the write as often as before it.
    pub hang: f64,
    /// How long a hang lasts, in milliseconds.
    pub hang_ms: u64,
    /// Slow, up to `slow_ms`.
    pub slow: f64,
    /// The longest delay, in milliseconds.
    pub slow_ms: u64,
}

/// What is to be done to one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) delay_before: Duration,
    pub(super) delay_after: Duration,
    pub(super) effect: Option<Effect>,
}

/// All that is set to go wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    chaos: Option<(Chaos, Rng)>,
    delays: Rng,
}

impl Fault {
    /// `effect` on every request of `method` to `path` (`*` stands for anything).
    pub fn on(method: &str, path: &str, effect: Effect) -> Self {
        Self { method: Some(method.to_owned()), path: path.to_owned(), skip: 0, times: None, effect }
    }

    /// `effect` on everything.
    pub fn always(effect: Effect) -> Self {
        Self { method: None, path: anything(), skip: 0, times: None, effect }
    }

    /// Only so many times.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only after so many requests.
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Whether it applies to this request; counts down when it does.
    fn applies(&mut self, method: &str, path: &str) -> bool {
        let fits = self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
        if !fits || self.times == Some(0) || !matches(&self.path, path) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times = self.times.map(|times| times - 1);
        true
    }
}

impl Effect {
    /// A fixed delay before the write.
    pub fn delay(delay: Duration) -> Self {
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self::Delay { min_ms: ms, max_ms: ms, when: When::BeforeWrite }
    }

    /// An error status with a body as Jira writes it.
    pub fn status(status: u16, when: When) -> Self {
        Self::Status { status, when, looks: Looks::Jira }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Busy { .. } => "busy",
            Self::Status { .. } => "status",
            Self::Cut { .. } => "cut",
            Self::CutMidBody => "cut_mid_body",
            Self::Hang { .. } => "hang",
        }
    }
}

impl Chaos {
    /// Every kind of fault with the same share, `trouble` (0 to 1) in all.
    pub fn mix(seed: u64, trouble: f64) -> Self {
        let share = trouble / 9.0;
        Self {
            seed,
            busy: share,
            error_before: share,
            error_after: share,
            html: share,
            cut_before: share,
            cut_after: share,
            cut_mid_body: share,
            hang: share,
            hang_ms: 2_000,
            slow: share,
            slow_ms: 500,
            ..Self::default()
        }
    }

    fn draw(&self, rng: &mut Rng) -> Option<Effect> {
        let lot = rng.f64();
        let either = if rng.bool() { When::BeforeWrite } else { When::AfterWrite };
        let status = |status, when, looks| Effect::Status { status, when, looks };
        let kinds = [
            (self.busy, Effect::Busy { retry_after_s: 1, reason: "jira-burst-based".to_owned() }),
            (self.error_before, status(503, When::BeforeWrite, Looks::Jira)),
            (self.error_after, status(500, When::AfterWrite, Looks::Jira)),
            (self.html, status(502, either, Looks::Html)),
            (self.cut_before, Effect::Cut { when: When::BeforeWrite }),
            (self.cut_after, Effect::Cut { when: When::AfterWrite }),
            (self.cut_mid_body, Effect::CutMidBody),
            (self.hang, Effect::Hang { when: either, ms: self.hang_ms }),
            (self.slow, Effect::Delay { min_ms: 0, max_ms: self.slow_ms, when: either }),
        ];
        let mut reached = 0.0;
        kinds.into_iter().find_map(|(probability, effect)| {
            reached += probability;
            (lot < reached).then_some(effect)
        })
    }
}

impl Orders {
    /// Nothing goes wrong and nothing waits.
    pub(super) fn are_plain(&self) -> bool {
        *self == Self::default()
    }

    fn take(&mut self, effect: Effect, delays: &mut Rng) {
        match effect {
            Effect::Delay { min_ms, max_ms, when } => {
                let delay = Duration::from_millis(delays.u64(min_ms..=max_ms.max(min_ms)));
                match when {
                    When::BeforeWrite => self.delay_before += delay,
                    When::AfterWrite => self.delay_after += delay,
                }
            }
            other @ (Effect::Busy { .. }
            | Effect::Status { .. }
            | Effect::Cut { .. }
            | Effect::CutMidBody
            | Effect::Hang { .. }) => self.effect = Some(other),
        }
    }
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn replace(&mut self, faults: Vec<Fault>) {
        self.faults = faults;
    }

    pub(super) fn set_chaos(&mut self, chaos: Chaos) {
        let rng = Rng::with_seed(chaos.seed);
        self.chaos = Some((chaos, rng));
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.chaos = None;
    }

    pub(super) fn list(&self) -> (&[Fault], Option<&Chaos>) {
        (&self.faults, self.chaos.as_ref().map(|(chaos, _)| chaos))
    }

    /// What this request meets.
    pub(super) fn orders(&mut self, method: &str, path: &str) -> Orders {
        let mut orders = Orders::default();
        for fault in &mut self.faults {
            let is_delay = matches!(fault.effect, Effect::Delay { .. });
            if (is_delay || orders.effect.is_none()) && fault.applies(method, path) {
                orders.take(fault.effect.clone(), &mut self.delays);
            }
        }
        self.faults.retain(|fault| fault.times != Some(0));
        if let Some((chaos, rng)) = &mut self.chaos
            && orders.effect.is_none()
            && (chaos.path.is_empty() || matches(&chaos.path, path))
            && let Some(effect) = chaos.draw(rng)
        {
            orders.take(effect, &mut self.delays);
        }
        orders
    }
}

/// Whether `path` is what `pattern` says, `*` standing for anything, also for nothing.
fn matches(pattern: &str, path: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| path.strip_prefix(first)) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some((_, after)) = rest.split_once(piece) else {
            return false;
        };
        rest = after;
    }
    true
}

fn anything() -> String {
    "*".to_owned()
}

fn before() -> When {
    When::BeforeWrite
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_no_star_for_the_very_path() {
        for (pattern, path, fits) in [
            ("/rest/api/3/issue", "/rest/api/3/issue", true),
            ("/rest/api/3/issue", "/rest/api/3/issue/SUP-1", false),
            ("*/comment", "/rest/api/3/issue/SUP-1/comment", true),
            ("/rest/*/SUP-1/*", "/rest/api/3/issue/SUP-1/comment", true),
            ("/rest/*/SUP-1", "/rest/api/3/issue/SUP-12", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn a_fault_waits_for_its_turn_and_wears_out() {
        let mut faults = Faults::default();
        faults.add(Fault::on("POST", "/issue", Effect::status(503, When::AfterWrite)).after(1).times(2));
        let met: Vec<bool> = (0..5).map(|_| !faults.orders("POST", "/issue").are_plain()).collect();
        assert_eq!(met, [false, true, true, false, false]);
        assert!(faults.list().0.is_empty());
    }

    #[test]
    fn the_same_seed_brings_the_same_trouble_in_the_share_that_was_asked_for() {
        let trouble = |seed| {
            let mut faults = Faults::default();
            faults.set_chaos(Chaos::mix(seed, 0.45));
            (0..2_000).map(|_| faults.orders("GET", "/").effect.map_or("", |effect| effect.name())).collect::<Vec<_>>()
        };
        assert_eq!(trouble(7), trouble(7));
        assert_ne!(trouble(7), trouble(8));
        let met = trouble(7).iter().filter(|name| !name.is_empty()).count();
        assert!((650..950).contains(&met), "{met} of 2000"); // a ninth of the 900 are delays, which are no effect
    }
}
