//! What all requests share.

use crate::{
    body::{BodyLimits, Budget, MAX_BODY, MAX_BUFFERED},
    callback::{Refusals, Signatures, VerifyToken},
    ops::Ops,
};
use shared::{
    Clock,
    http::Readiness,
    operator::Operator,
    ports::{accounts::ApiKeys, flows::FlowStore, queue::Publisher, status_clock::StatusClock},
    settings::{Settings, SettingsError},
};
use std::{fmt, sync::Arc, time::Duration};

/// What the gateway works with, whatever stands behind it.
#[derive(Clone)]
pub struct Ports {
    /// Takes the events.
    pub publisher: Arc<dyn Publisher>,
    /// Is told when a callback was refused.
    pub status_clock: Arc<dyn StatusClock>,
    /// Keeps the flows.
    pub flows: Arc<dyn FlowStore>,
    /// Knows the API keys.
    pub api_keys: Arc<dyn ApiKeys>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Answers `/readyz`.
    pub readiness: Readiness,
    /// Works for operators.
    pub operator: Option<Operator>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

/// The gateway: ports, secrets and limits. [`crate::router`] makes it answer.
pub struct Gateway {
    pub(crate) ports: Ports,
    pub(crate) signatures: Signatures,
    pub(crate) verify_token: VerifyToken,
    pub(crate) refusals: Refusals,
    pub(crate) budget: Budget,
    pub(crate) body_limits: BodyLimits,
    pub(crate) publish_timeout: Duration,
    /// The ops API, unless it is off.
    pub(crate) ops: Option<Ops>,
    pub(crate) partitions: u16,
    /// Whose pages may use the flow API.
    pub(crate) cors_origins: Vec<String>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("ports", &self.ports)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Builds it. Fails when the app secret or the verify token is missing: without the first no callback could be
    /// told from a forgery, without the second Meta never sends one.
    pub fn new(ports: Ports, settings: &Settings) -> Result<Arc<Self>, SettingsError> {
        let secrets = &settings.whatsapp.app_secret;
        Settings::required(secrets.first(), "WHATSAPP_APP_SECRET", "callbacks are signed with it")?;
        let token = Settings::required(
            settings.whatsapp.verify_token.as_ref(),
            "WHATSAPP_WEBHOOK_VERIFY_TOKEN",
            "Meta shows it when it verifies the callback address",
        )?;
        let ops = ports.operator.clone().zip(settings.admin_key.clone());
        let session_ttl = settings.session.ttl;
        Ok(Arc::new(Self {
            ops: ops.map(|(operator, key)| Ops { operator, key, session_ttl }),
            signatures: Signatures::new(secrets),
            verify_token: VerifyToken::new(token),
            refusals: Refusals::new(ports.status_clock.clone()),
            budget: Budget::new(MAX_BUFFERED),
            body_limits: BodyLimits { bytes: MAX_BODY, time: settings.gateway.body_timeout },
            publish_timeout: settings.gateway.publish_timeout,
            partitions: settings.partitions,
            cors_origins: settings.gateway.cors_origins.clone(),
            ports,
        }))
    }

    /// Lets what still runs in the background come to its end. [`crate::run`] does this by itself.
    pub async fn finish(&self) {
        self.refusals.finish().await;
    }
}
