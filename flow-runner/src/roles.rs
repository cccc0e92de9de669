//! Gateway, worker and sender on one set of backends, or some of them.

use crate::{cli::RoleName, operator::OperatorSocket};
use async_trait::async_trait;
use backends::Backends;
use flow_worker::{Worker, WorkerSettings};
use futures_util::future::select_all;
use outbound_sender::{Sender, SenderSettings};
use secrecy::SecretString;
use shared::{
    SystemClock,
    http::{Check, OpsService, Readiness, ServerLimits, serve},
    ports::{
        accounts::ConfiguredAccount,
        installation::Installation,
        queue::{Consumer, QueueName},
    },
    settings::Settings,
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use webhook_gateway::Gateway;

/// Deliveries open at a time per outbound queue: each only rings a bell.
const BELL_PREFETCH: u16 = 256;
/// Ending takes at most this long; whatever is not done then is done after the next start.
const END_WITHIN: Duration = Duration::from_secs(28);
/// The account that settings make.
const CONFIGURED: &str = "default";

/// A running process.
pub struct Running {
    /// Where the gateway listens; without one, health and metrics.
    pub address: SocketAddr,
    /// For those who act on it directly.
    pub backends: Backends,
    /// In the order in which they end: what comes in first, what goes out last.
    stages: Vec<Stage>,
    background: CancellationToken,
    /// Where nothing is embedded, operators work on the servers themselves.
    operators: Option<OperatorSocket>,
}

/// A role that runs.
struct Stage {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Stage {
    fn start<S: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> S,
    ) -> Self {
        let stop = CancellationToken::new();
        Self { name, task: tokio::spawn(run(stop.clone())), stop }
    }
}

/// Starts these roles.
pub async fn start(settings: &Settings, roles: &[RoleName], listener: TcpListener) -> anyhow::Result<Running> {
    shared::telemetry::metrics();
    let background = CancellationToken::new();
    let backends = backends::connect(settings, Arc::new(SystemClock::default()), background.clone()).await?;
    backends.take_up().await?;
    configure_account(settings, &backends).await?;
    let address = listener.local_addr()?;
    // Before anything says that it is ready.
    let open = |directory: &PathBuf| OperatorSocket::open(directory, backends.clone());
    let operators = backends.data_dir.as_ref().map(open).transpose()?;
    let mut stages = vec![front(settings, roles, &backends, listener)?];
    if roles.contains(&RoleName::Worker) {
        let worker = Worker::new(worker_ports(&backends), worker_settings(settings)).await?;
        stages.push(Stage::start("the worker", |stop| worker.run(stop)));
    }
    if roles.contains(&RoleName::Sender) {
        let sender = Sender::new(sender_ports(&backends), sender_settings(settings, backends.exclusive))?;
        stages.push(Stage::start("the sender", |stop| sender.run(stop)));
    }
    Ok(Running { address, backends, stages, background, operators })
}

/// What listens: the gateway, or health and metrics alone.
fn front(settings: &Settings, roles: &[RoleName], backends: &Backends, listener: TcpListener) -> anyhow::Result<Stage> {
    if !roles.contains(&RoleName::Gateway) {
        let ops = OpsService(Arc::new(readiness(backends)));
        return Ok(Stage::start("the ops server", |stop| serve(listener, ops, ServerLimits::default(), stop)));
    }
    Settings::required(
        settings.whatsapp.verify_token.as_ref(),
        "WHATSAPP_WEBHOOK_VERIFY_TOKEN",
        "Meta says it when it verifies the callback URL; choose any text and enter it there too",
    )?;
    let gateway = Gateway::new(gateway_ports(backends), settings)?;
    let limits = settings.gateway.clone();
    Ok(Stage::start("the gateway", |stop| async move {
        webhook_gateway::run(gateway, listener, &limits, stop).await;
    }))
}

impl Running {
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
            if let Some(operators) = self.operators {
                operators.close().await;
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

async fn configure_account(settings: &Settings, backends: &Backends) -> anyhow::Result<()> {
    let whatsapp = &settings.whatsapp;
    if let (Some(number), Some(token), Some(key)) =
        (&whatsapp.phone_number_id, &whatsapp.access_token, &whatsapp.api_key)
    {
        let copy = |secret: &SecretString| secret.clone();
        let account = ConfiguredAccount {
            id: CONFIGURED.into(),
            api_key: copy(key),
            phone_number_id: number.as_str().into(),
            access_token: copy(token),
        };
        backends.accounts.configure_account(account).await?;
    }
    Ok(())
}

fn gateway_ports(backends: &Backends) -> webhook_gateway::Ports {
    webhook_gateway::Ports {
        publisher: backends.publisher.clone(),
        status_clock: backends.status_clock.clone(),
        flows: backends.flows.clone(),
        api_keys: backends.accounts.clone(),
        clock: backends.clock.clone(),
        readiness: readiness(backends),
    }
}

fn readiness(backends: &Backends) -> Readiness {
    let mut readiness = Readiness::default();
    readiness.add(Arc::new(DatabaseCheck(backends.installation.clone())));
    readiness.add(Arc::new(QueueCheck(backends.consumer.clone())));
    readiness
}

fn worker_ports(backends: &Backends) -> flow_worker::Ports {
    flow_worker::Ports {
        publisher: backends.publisher.clone(),
        consumer: backends.consumer.clone(),
        members: backends.members.clone(),
        sessions: backends.sessions.clone(),
        installation: backends.installation.clone(),
        accounts: backends.accounts.clone(),
        flows: backends.flows.clone(),
        conversations: backends.conversations.clone(),
        status_clock: backends.status_clock.clone(),
        clock: backends.clock.clone(),
    }
}

fn worker_settings(settings: &Settings) -> WorkerSettings {
    WorkerSettings {
        partitions: settings.partitions,
        prefetch: settings.worker.prefetch,
        batch: settings.worker.batch,
        session_ttl: settings.session.ttl,
    }
}

fn sender_ports(backends: &Backends) -> outbound_sender::Ports {
    outbound_sender::Ports {
        consumer: backends.consumer.clone(),
        members: backends.members.clone(),
        accounts: backends.accounts.clone(),
        ledger: backends.ledger.clone(),
        status_clock: backends.status_clock.clone(),
        clock: backends.clock.clone(),
    }
}

fn sender_settings(settings: &Settings, exclusive: bool) -> SenderSettings {
    SenderSettings {
        partitions: settings.partitions,
        prefetch: BELL_PREFETCH,
        api_base_url: settings.whatsapp.api_base_url.clone(),
        api_version: settings.whatsapp.api_version.clone(),
        number_rate: settings.whatsapp.number_rate,
        pair_rate: settings.whatsapp.pair_rate,
        attempts: settings.send.attempts,
        max_age: settings.send.max_age,
        unknown_outcome_policy: settings.send.unknown_outcome_policy,
        unknown_wait: settings.send.unknown_wait,
        unknown_wait_after_refusal: settings.send.unknown_wait_after_refusal,
        concurrency: settings.send.concurrency as usize,
        exclusive,
    }
}

/// Whether the database answers.
struct DatabaseCheck(Arc<dyn Installation>);

#[async_trait]
impl Check for DatabaseCheck {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), String> {
        self.0.ping().await.map_err(|error| error.to_string())
    }
}

/// Whether the queues answer.
struct QueueCheck(Arc<dyn Consumer>);

#[async_trait]
impl Check for QueueCheck {
    fn name(&self) -> &'static str {
        "queues"
    }

    async fn check(&self) -> Result<(), String> {
        self.0.depth(QueueName::Statuses).await.map(drop).map_err(|error| error.to_string())
    }
}
