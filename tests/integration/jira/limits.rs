//! Jira's limits on requests: a refusal holds back what it is about and nothing else, and a budget that runs low is spread.

use super::*;

/// A site whose answers carry these headers, of either product.
async fn site(deployment: Deployment, script: Vec<Then>) -> Site {
    let mut site = Site::start(script).await;
    let url = format!("http://{}/jira", site.server.address);
    let token = SecretRef::File(site.secret.clone());
    let auth = match deployment {
        Deployment::DataCenter => JiraAuth::Pat { token },
        Deployment::Cloud | Deployment::Auto => JiraAuth::ApiToken { email: "bot@example.com".into(), token },
    };
    let settings = settings(&url, deployment, auth);
    site.client =
        Client::new(&settings, Keys::secrets(read_secret), Arc::new(SystemClock), Timeouts::default()).unwrap();
    site
}

fn busy(reason: Option<&str>) -> Then {
    let reason = reason.map(|reason| ("RateLimit-Reason", reason));
    let headers: Vec<(&str, &str)> = [("Retry-After", "600")].into_iter().chain(reason).collect();
    answer("429 Too Many Requests", &headers, "{}")
}

/// What may be sent after a comment on an issue was refused: another on it, one on another issue, a new issue, a question.
async fn sent_after(deployment: Deployment, reason: Option<&str>) -> [bool; 4] {
    let id = r#"{"id":"1","key":"OPS-1"}"#;
    // Data Center's first issues and comments are looked at for their markers.
    let marked = json("200 OK", r#"{"value":{"op":"m-1"}}"#);
    let mut script = vec![busy(reason)];
    for _ in 0..8 {
        script.push(json("200 OK", id));
        script.extend((deployment == Deployment::DataCenter).then(|| marked.clone()));
    }
    let site = site(deployment, script).await;
    site.comment(&issue("7")).await.unwrap_err();
    let is_sent = |before: usize| site.lines().len() > before;
    let mut sent = [false; 4];
    for (number, sent) in sent.iter_mut().enumerate() {
        let before = site.lines().len();
        let told = match number {
            0 => site.comment(&issue("7")).await.map(drop),
            1 => site.comment(&issue("8")).await.map(drop),
            2 => site.create().await.map(drop),
            _ => site.client.reach().await,
        };
        *sent = is_sent(before);
        let is_held =
            told.is_err_and(|error| matches!(error.verdict, Verdict::Retry(Some(wait)) if wait.as_secs() > 500));
        assert_ne!(*sent, is_held, "{deployment:?} {reason:?} {number}");
    }
    sent
}

#[tokio::test]
async fn a_429_holds_back_what_it_is_about_and_nothing_else() {
    for deployment in [Deployment::Cloud, Deployment::DataCenter] {
        for (reason, expected) in [
            (Some("jira-quota-global-based"), [false; 4]),
            (Some("jira-quota-tenant-based"), [false; 4]),
            (None, [false; 4]),
            (Some("jira-burst-based"), [false, false, true, true]),
            (Some("jira-per-issue-on-write"), [false, true, true, true]),
        ] {
            assert_eq!(sent_after(deployment, reason).await, expected, "{deployment:?} {reason:?}");
        }
    }
}

#[tokio::test]
async fn a_429_is_told_with_its_time_and_reason() {
    let site = site(Deployment::Cloud, vec![busy(Some("jira-per-issue-on-write"))]).await;
    let told = site.comment(&issue("7")).await.unwrap_err();
    assert_eq!(told.verdict, Verdict::Retry(Some(Duration::from_secs(600))));
    assert!(told.message.ends_with("it asks us to wait 600 s (jira-per-issue-on-write)"), "{told}");
}

/// Whether a question that follows an answer with these headers is given back, for there are no turns left before long.
async fn is_spread(deployment: Deployment, headers: &[(&str, &str)]) -> bool {
    let told = |status: &str| answer(status, headers, r#"{"id":"1","key":"OPS-1","value":{"op":"m-1"}}"#);
    let site = site(deployment, vec![told("201 Created"), told("200 OK"), told("200 OK"), told("200 OK")]).await;
    site.create().await.unwrap();
    // Of two at once the one takes the next turn, and the other would have to wait too long for its own.
    let told = tokio::select! {
        told = site.client.reach() => told,
        told = site.client.reach() => told,
    };
    told.is_err_and(|error| matches!(error.verdict, Verdict::Retry(Some(_))))
}

#[tokio::test]
async fn a_budget_that_runs_low_is_spread_before_jira_refuses_anything() {
    let bucket = |left| {
        [("X-RateLimit-Limit", "70"), ("X-RateLimit-Remaining", left), ("X-RateLimit-FillRate", "1")]
            .into_iter()
            .chain([("X-RateLimit-Interval-Seconds", "10"), ("Retry-After", "0")])
            .collect::<Vec<_>>()
    };
    assert!(is_spread(Deployment::DataCenter, &bucket("1")).await);
    assert!(!is_spread(Deployment::DataCenter, &bucket("60")).await);
    let policy = ("RateLimit-Policy", "\"jira-burst-based\";q=100;w=1, \"jira-quota-global-based\";q=65000;w=3600");
    let left = |left| [policy, ("RateLimit", left)];
    let low = "\"jira-burst-based\";r=99;t=1, \"jira-quota-global-based\";r=3;t=1800";
    let plenty = "\"jira-burst-based\";r=99;t=1, \"jira-quota-global-based\";r=64000;t=1800";
    assert!(is_spread(Deployment::Cloud, &left(low)).await);
    assert!(!is_spread(Deployment::Cloud, &left(plenty)).await);
}
