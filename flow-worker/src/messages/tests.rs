//! Who is writing, seen from the worker: conversations of people whose phones and user ids change.

use super::*;
use backends::Backends;
use flow_engine::{Content, FlowStatus, Reply, Timestamp};
use serde_json::json;
use shared::{
    ids::Identities,
    job::JobRef,
    ports::{
        accounts::ConfiguredAccount,
        flows::{FlowRecord, Saved},
        ledger::{ClaimOutcome, Outcome, Settlement},
        queue::{Publish, PublishError, Publisher},
    },
    settings::{Overrides, Settings},
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use testkit::{
    clock::StandingClock,
    conformance::record::{ACCOUNT, NOW, NUMBER, event},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Keeps what is handed over.
#[derive(Default)]
struct Outbox(Mutex<Vec<JobRef>>);

impl Outbox {
    fn take(&self) -> Vec<JobRef> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait]
impl Publisher for Outbox {
    async fn publish(&self, batch: Vec<Publish>) -> Result<(), PublishError> {
        let jobs = batch.iter().map(|publish| serde_json::from_slice(&publish.message.body).unwrap());
        self.0.lock().unwrap().extend(jobs);
        Ok(())
    }

    fn is_blocked(&self) -> bool {
        false
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

/// A worker over an embedded installation, and what it sends.
struct Desk {
    messages: Messages,
    backends: Backends,
    outbox: Arc<Outbox>,
    clock: Arc<StandingClock>,
    written: AtomicU32,
    _stop: DropGuard,
    _directory: tempfile::TempDir,
}

fn ids(bsuid: &str, phone: &str) -> Identities {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    Identities { bsuid: some(bsuid), phone: some(phone) }
}

/// Name, then street, then thanks.
fn form() -> FlowRecord {
    FlowRecord {
        id: "form".into(),
        account_id: ACCOUNT.into(),
        name: "Form".into(),
        trigger: r#"["form"]"#.into(),
        automation: json!([
            { "id": "a", "type": "MessageAction", "message": "Name?", "next": "b" },
            { "id": "b", "type": "MessageAction", "message": "Street?", "next": "c" },
            { "id": "c", "type": "MessageAction", "message": "Thanks!" },
        ]),
        recipients: json!([]),
        status: FlowStatus::Active,
        version: 0,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

impl Desk {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = ("FLOW_RUNNER_DATA_DIR".to_owned(), directory.path().join("data").display().to_string());
        let settings = Settings::load(&Overrides { environment: Some(vec![data]), ..Overrides::default() }).unwrap();
        let (clock, stop) = (Arc::new(StandingClock::at(NOW)), CancellationToken::new());
        let backends = backends::connect(&settings, clock.clone(), stop.clone()).await.unwrap();
        let account = ConfiguredAccount {
            id: ACCOUNT.into(),
            api_key: "key".into(),
            phone_number_id: NUMBER.into(),
            access_token: "token".into(),
        };
        backends.accounts.configure_account(account).await.unwrap();
        assert!(matches!(backends.flows.create(form()).await.unwrap(), Saved::Done(_)));
        let record = backends.conversations.clone();
        let committer = Committer::start(8, "events", move |batch| {
            let record = record.clone();
            Box::pin(async move { record.commit(batch).await })
        });
        let (outbox, ttl) = (Arc::new(Outbox::default()), Duration::from_secs(3600));
        let messages = Messages {
            accounts: backends.accounts.clone(),
            flows: backends.flows.clone(),
            record: backends.conversations.clone(),
            cache: PatientCache::new(backends.sessions.clone(), clock.clone(), ttl),
            committer,
            hand_over: HandOver { publisher: outbox.clone(), partitions: 1 },
            ids: RecipientIds::new(&[7; 32]),
            rules: Rules { session_ttl: ttl },
            tally: backends.runner.tally().clone(),
            clock: clock.clone(),
        };
        let (_stop, written) = (stop.drop_guard(), AtomicU32::new(0));
        Self { messages, backends, outbox, clock, written, _stop, _directory: directory }
    }

    /// The next message, a second after the one before.
    fn next(&self, sender: Identities, reply: Reply) -> Inbound {
        self.clock.pass(Duration::from_secs(1));
        let wamid = self.written.fetch_add(1, Ordering::Relaxed).to_string();
        let message = InboundMessage { sender, reply, ..event("ann", &wamid).build().message };
        Inbound::Message(Box::new(InboundMessage { received_at: self.clock.now(), ..message }))
    }

    fn change(&self, previously: Identities, now: Identities) -> Inbound {
        let Inbound::Message(message) = self.next(now, Reply::NotAReply) else { unreachable!("a message") };
        Inbound::Message(Box::new(InboundMessage { previously: Some(previously), ..*message }))
    }

    async fn handled(&self, item: &Inbound) {
        assert_eq!(self.messages.handle(item).await, Verdict::Done, "{item:?}");
    }

    async fn changes(&self, previously: Identities, now: Identities) {
        self.handled(&self.change(previously, now)).await;
    }

    async fn says(&self, who: Identities, text: &str) {
        self.handled(&self.next(who, Reply::Text(text.into()))).await;
    }

    /// Sends all that was handed over; each as what and where to.
    async fn sends(&self) -> Vec<String> {
        let mut sent = Vec::new();
        for job in self.outbox.take() {
            let (ledger, now) = (&self.backends.ledger, self.clock.now());
            let claims = ledger.claim(vec![job.job_id], "me", now, now).await.unwrap();
            let [ClaimOutcome::Claimed(claimed)] = claims.as_slice() else { panic!("not claimed: {claims:?}") };
            let Content::Text { body } = &claimed.content else { panic!("no text: {claimed:?}") };
            let to = claimed.phone.as_ref().or(claimed.bsuid.as_ref()).expect("somebody to send to");
            sent.push(format!("{body} {to}"));
            let (job_id, outcome) = (claimed.job.job_id.clone(), Outcome::Sent { wamid: "out".into() });
            let settlement = Settlement { job_id, attempt: claimed.attempt, outcome, code: None, error: None };
            assert_eq!(ledger.settle(vec![settlement], "me", now).await.unwrap(), [true]);
        }
        sent
    }

    /// Sends all that was handed over, each when its lane lets it; how many went to somebody, once.
    async fn sends_by_lanes(&self) -> usize {
        let jobs: Vec<_> = self.outbox.take().into_iter().map(|job| job.job_id).collect();
        let (ledger, now) = (&self.backends.ledger, self.clock.now());
        let mut sent = 0;
        loop {
            let mut batch = Vec::new();
            for outcome in ledger.claim(jobs.clone(), "me", now, now).await.unwrap() {
                let ClaimOutcome::Claimed(claimed) = outcome else { continue };
                assert!(claimed.phone.is_some() || claimed.bsuid.is_some(), "{claimed:?}");
                let (job_id, outcome) = (claimed.job.job_id.clone(), Outcome::Sent { wamid: "out".into() });
                batch.push(Settlement { job_id, attempt: claimed.attempt, outcome, code: None, error: None });
            }
            if batch.is_empty() {
                return sent;
            }
            sent += batch.len();
            assert!(ledger.settle(batch, "me", now).await.unwrap().iter().all(|settled| *settled));
        }
    }

    /// What somebody says is answered with this; an empty text is no answer.
    async fn answers(&self, who: Identities, text: &str, answer: &str) {
        self.says(who.clone(), text).await;
        let expected: &[&str] = if answer.is_empty() { &[] } else { &[answer] };
        assert_eq!(self.sends().await, expected, "to {text:?} of {who:?}");
    }

    async fn rows(&self, who: Identities) -> Vec<shared::ports::conversations::RecipientRow> {
        self.backends.conversations.find(&ACCOUNT.into(), &who).await.unwrap()
    }
}

#[tokio::test]
async fn a_session_goes_on_under_a_new_phone_and_the_old_one_is_free() {
    let desk = Desk::open().await;
    desk.answers(ids("US.1", "111"), "form", "Name? 111").await;
    desk.changes(ids("US.1", "111"), ids("US.2", "222")).await;
    desk.answers(ids("US.2", "222"), "Ada", "Street? 222").await;
    desk.answers(ids("", "111"), "Berlin", "").await;
    desk.answers(ids("", "111"), "form", "Name? 111").await;
    desk.answers(ids("", "111"), "Ben", "Street? 111").await;
    desk.answers(ids("US.2", ""), "Berlin", "Thanks! 222").await;
}

#[tokio::test]
async fn the_session_written_last_goes_on_whoever_wrote_it() {
    for new_writes_last in [false, true] {
        let desk = Desk::open().await;
        desk.answers(ids("US.1", "111"), "form", "Name? 111").await;
        desk.answers(ids("US.2", "222"), "form", "Name? 222").await;
        let (who, answer) =
            if new_writes_last { (ids("US.2", "222"), "Street? 222") } else { (ids("US.1", "111"), "Street? 111") };
        desk.answers(who, "Ada", answer).await;
        desk.changes(ids("US.1", "111"), ids("US.2", "222")).await;
        desk.answers(ids("US.2", "222"), "Berlin", "Thanks! 222").await;
    }
}

#[tokio::test]
async fn what_waits_follows_its_person() {
    let desk = Desk::open().await;
    desk.says(ids("US.1", "111"), "form").await;
    desk.says(ids("US.2", "222"), "form").await;
    desk.changes(ids("US.1", "111"), ids("US.2", "222")).await;
    assert_eq!(desk.sends().await, ["Name? 222", "Name? 222"]);
    desk.says(ids("US.2", "222"), "Ada").await;
    desk.says(ids("US.3", "222"), "form").await;
    assert_eq!(desk.sends().await, ["Street? US.2", "Name? 222"], "the phone is a stranger's now");
}

#[tokio::test]
async fn a_change_told_again_changes_nothing() {
    let desk = Desk::open().await;
    desk.answers(ids("US.1", "111"), "form", "Name? 111").await;
    desk.answers(ids("US.2", "222"), "hello", "").await;
    let change = desk.change(ids("US.1", "111"), ids("US.2", "222"));
    for _ in 0..3 {
        desk.handled(&change).await;
    }
    // The number beside ours tells it too.
    desk.changes(ids("US.1", "111"), ids("US.2", "222")).await;
    desk.answers(ids("US.2", "222"), "Ada", "Street? 222").await;
    desk.handled(&change).await;
    desk.answers(ids("US.2", "222"), "Berlin", "Thanks! 222").await;
}

#[tokio::test]
async fn two_changes_lead_on_in_whatever_order_they_come() {
    let changes = [(ids("US.1", "111"), ids("US.2", "222")), (ids("US.2", "222"), ids("US.3", "333"))];
    for order in [[0, 1], [1, 0]] {
        let desk = Desk::open().await;
        desk.answers(ids("US.1", "111"), "form", "Name? 111").await;
        for (previously, now) in order.map(|place| changes[place].clone()) {
            desk.changes(previously, now).await;
        }
        desk.answers(ids("US.3", "333"), "Ada", "Street? 333").await;
        desk.answers(ids("US.1", "111"), "Berlin", "Thanks! 333").await;
    }
}

#[tokio::test]
async fn a_late_message_of_before_brings_no_old_phone_back() {
    let desk = Desk::open().await;
    desk.answers(ids("US.1", "111"), "form", "Name? 111").await;
    desk.changes(ids("US.1", "111"), ids("US.2", "222")).await;
    desk.answers(ids("", "111"), "form", "Name? 111").await;
    desk.answers(ids("US.1", "111"), "Ada", "Street? 222").await;
    desk.answers(ids("", "111"), "Ben", "Street? 111").await;
}

#[tokio::test]
async fn who_is_known_by_neither_id_is_known_by_both_from_then_on() {
    let desk = Desk::open().await;
    desk.changes(ids("US.1", "111"), ids("US.2", "222")).await;
    desk.answers(ids("US.1", ""), "form", "Name? 222").await;
    desk.answers(ids("", "222"), "Ada", "Street? 222").await;
    assert!(desk.rows(ids("", "111")).await.is_empty());
}

#[tokio::test]
async fn who_wrote_by_phone_and_by_id_is_one_person_once_a_message_has_both() {
    let desk = Desk::open().await;
    desk.answers(ids("", "111"), "form", "Name? 111").await;
    desk.answers(ids("US.1", ""), "hello", "").await;
    assert_ne!(desk.rows(ids("", "111")).await[0].id, desk.rows(ids("US.1", "")).await[0].id);
    desk.answers(ids("US.1", "111"), "Ada", "Street? 111").await;
    desk.answers(ids("US.1", ""), "Berlin", "Thanks! 111").await;
    assert_eq!(desk.rows(ids("", "111")).await, desk.rows(ids("US.1", "")).await);
}

#[tokio::test]
async fn who_wrote_by_phone_and_by_id_takes_both_along() {
    let desk = Desk::open().await;
    desk.says(ids("", "111"), "form").await;
    desk.answers(ids("US.1", ""), "hello", "Name? 111").await;
    desk.says(ids("", "111"), "Ada").await;
    desk.changes(ids("US.1", "111"), ids("US.2", "222")).await;
    assert_eq!(desk.sends().await, ["Street? 222"], "what waits goes along");
    desk.answers(ids("US.7", "111"), "Berlin", "").await;
    desk.answers(ids("US.7", "111"), "form", "Name? 111").await;
    desk.answers(ids("US.2", "222"), "Berlin", "Thanks! 222").await;
}

/// As the number beside ours tells it, late.
#[tokio::test]
async fn a_change_of_phones_told_again_finds_no_next_owner() {
    for wrote_meanwhile in [true, false] {
        let desk = Desk::open().await;
        desk.answers(ids("US.1", "111"), "form", "Name? 111").await;
        desk.changes(ids("", "111"), ids("", "222")).await;
        if wrote_meanwhile {
            desk.answers(ids("US.2", "222"), "Ada", "Street? 222").await;
        }
        desk.answers(ids("US.7", "111"), "form", "Name? 111").await;
        desk.changes(ids("", "111"), ids("", "222")).await;
        desk.answers(ids("US.7", "111"), "Ben", "Street? 111").await;
        let (text, answer) = if wrote_meanwhile { ("Berlin", "Thanks! 222") } else { ("Ada", "Street? 222") };
        desk.answers(ids("US.2", "222"), text, answer).await;
    }
}

#[tokio::test]
async fn an_id_stays_where_a_phone_goes() {
    let desk = Desk::open().await;
    desk.answers(ids("", "111"), "form", "Name? 111").await;
    desk.changes(ids("", "111"), ids("", "222")).await;
    // The row that is made of this phone is another's.
    desk.answers(ids("", "111"), "form", "Name? 111").await;
    desk.answers(ids("", "111"), "Ben", "Street? 111").await;
    desk.answers(ids("", "222"), "Ada", "Street? 222").await;
    // And here it is a tombstone.
    desk.answers(ids("", "333"), "hello", "").await;
    desk.changes(ids("", "222"), ids("", "333")).await;
    desk.changes(ids("", "333"), ids("", "444")).await;
    desk.answers(ids("", "333"), "form", "Name? 333").await;
    desk.answers(ids("", "444"), "Berlin", "Thanks! 444").await;
}

/// Whatever people do with three phones and three ids: nothing is held, what a row knows leads to it, and every answer goes
/// to somebody, once.
#[tokio::test]
async fn no_event_is_stale_for_ever() {
    let desk = Desk::open().await;
    let mut seed: u32 = 1;
    let mut die = |sides: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % sides
    };
    let mut anybody = || loop {
        let bsuid = ["", "US.1", "US.2", "US.3"][die(4) as usize];
        let phone = ["", "111", "222", "333"][die(4) as usize];
        if !(bsuid.is_empty() && phone.is_empty()) {
            return (ids(bsuid, phone), die(3) == 0);
        }
    };
    for _ in 0..300 {
        let (who, changes) = anybody();
        if changes {
            desk.changes(anybody().0, who).await;
        } else {
            desk.says(who, "form").await;
        }
        for known in ["US.1", "US.2", "US.3"] {
            for row in desk.rows(ids(known, "")).await {
                let by_phone = Identities { bsuid: None, phone: row.identities.phone.clone() };
                assert!(by_phone.phone.is_none() || desk.rows(by_phone).await == [row]);
            }
        }
    }
    let made = desk.outbox.0.lock().unwrap().len();
    let sent = desk.sends_by_lanes().await;
    assert!(made > 100 && sent == made, "{sent} of {made}");
}
