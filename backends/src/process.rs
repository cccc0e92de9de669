//! A process on its backends: it starts its roles, and ends them in order.

use crate::{Backends, ConnectError, connect};
use futures_util::future::select_all;
use shared::{
    SystemClock,
    http::{Need, OpsService, ServerLimits, serve},
    ports::accounts::ConfiguredAccount,
    settings::{Settings, WhatsApp},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Ending takes at most this long; whatever is not done then is done after the next start.
const END_WITHIN: Duration = Duration::from_secs(28);
/// The account that settings make.
const CONFIGURED: &str = "default";

/// A running process.
pub struct Process {
    /// What its roles stand on.
    pub backends: Backends,
    /// In the order in which they end.
    stages: Vec<Stage>,
    background: CancellationToken,
}

/// A role that runs.
struct Stage {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    /// Connects, brings schema and queues up to date, and makes the account that the settings name.
    pub async fn begin(settings: &Settings) -> Result<Self, ConnectError> {
        shared::telemetry::metrics();
        let background = CancellationToken::new();
        let backends = connect(settings, Arc::new(SystemClock::default()), background.clone()).await?;
        backends.take_up().await?;
        if let Some(account) = configured(&settings.whatsapp) {
            backends.accounts.configure_account(account).await?;
        }
        if settings.amqp_url.is_some() && settings.redis_url.is_none() {
            tracing::warn!(
                "REDIS_URL is not set: processes don't see each other and share nothing out; run one of each role"
            );
        }
        Ok(Self { backends, stages: Vec::new(), background })
    }

    /// Starts a role. Roles end in the order in which they were started: what comes in first, what goes out last.
    pub fn start<S: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> S,
    ) {
        let stop = CancellationToken::new();
        self.stages.push(Stage { name, task: tokio::spawn(run(stop.clone())), stop });
    }

    /// Starts health and metrics, on `FLOW_RUNNER_OPS_LISTEN` or else everywhere on this port.
    pub fn start_ops(&mut self, settings: &Settings, port: u16) -> io::Result<()> {
        let address = settings.ops_listen.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
        let listener = shared::http::bind(address)
            .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {address}: {error}")))?;
        tracing::info!(%address, "health and metrics");
        self.start_ops_on(listener);
        Ok(())
    }

    /// Starts health and metrics on this listener, for a process that takes no callbacks.
    pub fn start_ops_on(&mut self, listener: TcpListener) {
        let ops = OpsService(Arc::new(self.backends.readiness(Need::Required)));
        self.start("the ops server", |stop| serve(listener, ops, ServerLimits::default(), stop));
    }

    /// Waits until a role ends that was not told to: a bug, after which the process should not look healthy.
    pub async fn a_role_ended(&mut self) -> &'static str {
        let (_, ended, _) = select_all(self.stages.iter_mut().map(|stage| &mut stage.task)).await;
        self.stages[ended].name
    }

    /// Ends in order.
    pub async fn stop(self) {
        let ending = async {
            for Stage { name, stop, task } in self.stages {
                stop.cancel();
                if task.is_finished() {
                    continue;
                }
                if let Err(error) = task.await {
                    tracing::error!(%error, "{name} ended badly");
                }
            }
            self.background.cancel();
            self.backends.tasks.close();
            self.backends.tasks.wait().await;
        };
        if tokio::time::timeout(END_WITHIN, ending).await.is_err() {
            tracing::warn!("not everything ended in time; the rest is done after the next start");
        }
    }
}

fn configured(whatsapp: &WhatsApp) -> Option<ConfiguredAccount> {
    Some(ConfiguredAccount {
        id: CONFIGURED.into(),
        api_key: whatsapp.api_key.clone()?,
        phone_number_id: whatsapp.phone_number_id.as_deref()?.into(),
        access_token: whatsapp.access_token.clone()?,
    })
}
