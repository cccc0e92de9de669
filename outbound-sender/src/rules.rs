//! What is not sent though it could be: what comes too late, what Meta would refuse, and what would never end.

use flow_engine::{Content, Timestamp};
use shared::job::ClaimedJob;
use std::time::Duration;

/// Meta's customer service window, from the person's last message, call or opening of the chat.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a conversation stops that would never end.
pub(crate) const SEND_CAP: &str = "send_cap";

/// An installation's rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendRules {
    /// A reply later than this is not sent.
    pub max_age: Duration,
    /// Messages to one recipient within an hour; 0 = no cap.
    pub cap: u32,
}

impl SendRules {
    /// Why a job isn't sent: a reason of the contract, and words for people.
    pub fn refuse(self, job: &ClaimedJob, now: Timestamp) -> Option<(&'static str, &'static str)> {
        if now.since(job.created_at) > self.max_age {
            return Some(("too_old", "older than SEND_MAX_AGE"));
        }
        if is_outside_window(job, now) && job.outside_window.is_none() {
            let why = "the recipient last wrote more than 24 hours ago, and the step has no template for that";
            return Some(("window_closed", why));
        }
        if self.cap > 0 && job.sent_lately >= self.cap {
            return Some((SEND_CAP, "SEND_CAP_PER_HOUR messages went to this recipient within an hour"));
        }
        None
    }

    /// What is sent of a job.
    pub fn content(self, job: &ClaimedJob, now: Timestamp) -> &Content {
        match &job.outside_window {
            Some(instead) if is_outside_window(job, now) => instead,
            _ => &job.content,
        }
    }
}

/// Whether Meta is known to take nothing but templates, and this is none. Of somebody who never wrote nothing is known: Meta
/// decides.
fn is_outside_window(job: &ClaimedJob, now: Timestamp) -> bool {
    let closed = job.last_message_at.is_some_and(|last| now.since(last) >= WINDOW);
    closed && !matches!(job.content, Content::Template { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::jobs::{MADE_AT, claimed_job};

    const NOW: Timestamp = MADE_AT;
    const HOUR: Duration = Duration::from_secs(3600);
    const RULES: SendRules = SendRules { max_age: Duration::from_secs(6 * 3600), cap: 3 };

    fn job() -> ClaimedJob {
        claimed_job(Content::Text { body: "hi".into() })
    }

    fn template() -> Content {
        Content::Template { name: "hello".into(), language: "en_US".into(), components: vec![] }
    }

    fn reason(job: &ClaimedJob) -> Option<&'static str> {
        RULES.refuse(job, NOW).map(|(reason, _)| reason)
    }

    #[test]
    fn what_comes_too_late_is_not_sent() {
        assert_eq!(reason(&job()), None);
        assert_eq!(reason(&ClaimedJob { created_at: NOW.minus(HOUR * 7), ..job() }), Some("too_old"));
    }

    #[test]
    fn outside_the_window_only_templates_go() {
        let late = ClaimedJob { last_message_at: Some(NOW.minus(HOUR * 24)), ..job() };
        assert_eq!(reason(&late), Some("window_closed"));
        let instead = ClaimedJob { outside_window: Some(template()), ..late.clone() };
        assert_eq!((reason(&instead), RULES.content(&instead, NOW)), (None, &template()));
        let is_one = ClaimedJob { content: template(), ..late };
        assert_eq!((reason(&is_one), RULES.content(&is_one, NOW)), (None, &template()));
        let within = ClaimedJob { outside_window: Some(template()), ..job() };
        assert_eq!(RULES.content(&within, NOW), &job().content);
        assert_eq!(
            reason(&ClaimedJob { last_message_at: Some(NOW.plus(HOUR)), ..job() }),
            None,
            "Meta's clock is ahead"
        );
    }

    #[test]
    fn more_than_the_cap_is_not_sent_to_one_recipient_within_an_hour() {
        let capped = ClaimedJob { sent_lately: 3, ..job() };
        assert_eq!(reason(&capped), Some("send_cap"));
        assert_eq!(SendRules { cap: 0, ..RULES }.refuse(&capped, NOW), None);
    }
}
