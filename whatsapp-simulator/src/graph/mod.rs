//! The part of the Graph API that a sender of messages uses.

mod answer;
pub(crate) mod check;
mod spoil;

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::faults::{FaultKind, Scope};
use crate::limits::Exceeded;
use crate::log::Refusal;
use crate::server::Wire;
use crate::world::World;
use answer::Problem;
use check::Request;

/// The routes of the Graph API.
pub(crate) fn router(world: &Arc<World>) -> axum::Router {
    axum::Router::new()
        .route("/{version}/{phone_number_id}/messages", post(send))
        .route("/{version}/{phone_number_id}", get(read_number))
        .fallback(unknown_path)
        .with_state(Arc::clone(world))
}

/// Where a request goes and where it came from.
struct Call {
    world: Arc<World>,
    wire: Wire,
    version: String,
    number: String,
}

impl Call {
    /// Refuses the request in Meta's way, and writes it down.
    fn refuse(&self, problem: Problem) -> Response {
        let answer = answer::refusal(&problem, self.world.next_trace());
        self.note_refusal(answer.status().as_u16(), problem.code, problem.details, problem.to, problem.injected);
        self.versioned(answer)
    }

    fn note_refusal(&self, http_status: u16, code: i64, details: String, to: Option<String>, injected: bool) {
        self.world.refuse(Refusal {
            phone_number_id: self.number.clone(),
            to,
            http_status,
            code,
            details,
            injected,
            at: self.world.now_ms(),
        });
    }

    /// Meta says in each answer which version it spoke.
    fn versioned(&self, mut answer: Response) -> Response {
        if let Ok(version) = HeaderValue::from_str(&self.version) {
            answer.headers_mut().insert("facebook-api-version", version);
        }
        answer
    }

    /// Version, token, number: what every request must have right.
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let config = self.world.config();
        if !is_version(&self.version) {
            return Err(Problem::graph(2500, format!("Unknown path components: /{}", self.version)));
        }
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(str::trim)
            .filter(|token| !token.is_empty());
        match (token, &config.access_token) {
            (None, _) => return Err(Problem::graph(104, "no bearer token".into())),
            (Some(token), Some(expected)) if token != expected => {
                return Err(Problem::graph(190, "not the access token".into()));
            }
            _ => {}
        }
        if config.number(&self.number).is_none() {
            return Err(Problem::unknown_object(&self.number));
        }
        Ok(())
    }
}

/// `v` and a version number such as `v26.0`.
fn is_version(version: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    version
        .strip_prefix('v')
        .and_then(|number| number.split_once('.'))
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

async fn send(
    State(world): State<Arc<World>>,
    Extension(wire): Extension<Wire>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let call = Call { world, wire, version, number };
    if let Err(problem) = call.check(&headers) {
        return call.refuse(problem);
    }
    let Ok(body) = body else {
        return call.refuse(Problem::new(100, "The request body is too large or was cut short"));
    };
    let number = call.world.number(&call.number);
    match check::request(&body, &number.display) {
        Err(problem) => call.refuse(problem),
        Ok(Request::Read) => call.versioned(answer::read()),
        Ok(Request::Send(send)) => accept(call, &send, &body).await,
    }
}

/// Takes a send that is in order as far as faults and limits let it through.
async fn accept(call: Call, send: &check::Outgoing, body: &[u8]) -> Response {
    let plan = call.world.faults.plan(&call.number, Some(send.to_whom()), Scope::Sends);
    if let Some(fault) = plan.answer.as_ref().filter(|fault| spoil::comes_before_acceptance(fault)) {
        return spoil::instead(&call, fault, Some(send.to_whom())).await;
    }
    if let Err(exceeded) = call.world.take_from_limits(&call.number, send.to_whom()) {
        return call.refuse(limit_problem(exceeded).for_user(send.to_whom()));
    }
    let with_statuses = !matches!(
        plan.answer,
        Some(FaultKind::TimeoutAfter { statuses: false } | FaultKind::ResetAfter { statuses: false })
    );
    let entry = call.world.accept(&call.number, send, body, with_statuses.then_some(plan.callbacks));
    let delay = call.world.config().answer_delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let answer = answer::success(send, &entry.message.wamid);
    let answer = match &plan.answer {
        None => {
            entry.set_answered();
            answer::json(http::StatusCode::OK, answer)
        }
        Some(fault) => {
            let answer = spoil::afterwards(&call, fault, answer).await;
            if spoil::leaves_intact(fault) {
                entry.set_answered();
            }
            answer
        }
    };
    call.versioned(answer)
}

fn limit_problem(exceeded: Exceeded) -> Problem {
    match exceeded {
        Exceeded::Number => Problem::new(
            130_429,
            "Message failed to send because there were too many messages sent from this phone number in a short period \
             of time",
        ),
        Exceeded::Pair => Problem::new(
            131_056,
            "Message failed to send because there were too many messages sent from the sender phone number to the same \
             recipient phone number in a short period of time",
        ),
    }
}

async fn read_number(
    State(world): State<Arc<World>>,
    Extension(wire): Extension<Wire>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let call = Call { world, wire, version, number };
    if let Err(problem) = call.check(&headers) {
        return call.refuse(problem);
    }
    let answer = answer::number(&call.world.number(&call.number));
    let plan = call.world.faults.plan(&call.number, None, Scope::Reads);
    let answer = match &plan.answer {
        None => answer::json(http::StatusCode::OK, answer),
        Some(fault) if spoil::comes_before_acceptance(fault) => return spoil::instead(&call, fault, None).await,
        Some(fault) => spoil::afterwards(&call, fault, answer).await,
    };
    call.versioned(answer)
}

async fn unknown_path(State(world): State<Arc<World>>, uri: http::Uri) -> Response {
    answer::refusal(&Problem::graph(2500, format!("Unknown path components: {}", uri.path())), world.next_trace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_look_like_v26_0() {
        for (version, expected) in
            [("v26.0", true), ("v9.12", true), ("26.0", false), ("v26", false), ("v.0", false), ("vx.0", false)]
        {
            assert_eq!(is_version(version), expected, "{version}");
        }
    }
}
