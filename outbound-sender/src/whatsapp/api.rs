//! What a sender asks of the Graph API.

use super::Reply;
use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;
use shared::ids::PhoneNumberId;
use std::time::Duration;

/// The Graph API, or what stands in for it.
#[async_trait]
pub trait Api: Send + Sync {
    /// Posts one message, once, if that can be begun before `not_after` in boot time; what came of it, within 20 s.
    async fn send(&self, number: &PhoneNumberId, token: &SecretString, body: &Value, not_after: Duration) -> Reply;
    /// Whether it answers: asks it for something harmless of this number. A refusal is an answer.
    async fn answers(&self, number: &PhoneNumberId, token: &SecretString) -> bool;
}
