//! Users who write to the business.

use anyhow::{Context, bail};
use serde_json::Value;

use crate::callback::delivery::Delivery;
use crate::callback::message_body;
use crate::callback::poster::Callback;
use crate::log::{CallbackKind, Happening, SentMessage};
use crate::user::{User, UserMessage};
use crate::world::{World, lock};

/// What came of a user's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The id of the message.
    pub wamid: String,
    /// The HTTP status the webhook answered with.
    pub status: u16,
}

/// Has a user write: makes the callback and waits for the answer.
pub(crate) async fn write(
    world: &World,
    phone_number_id: &str,
    from: &User,
    what: UserMessage,
) -> anyhow::Result<Inbound> {
    let config = world.config();
    let number =
        config.number(phone_number_id).with_context(|| format!("no number {phone_number_id} is configured"))?;
    let who = from.phone_digits().or_else(|| from.bsuid.clone()).context("the user has neither phone nor id")?;
    // A raw message may bring its own id, as when a callback is to be repeated.
    let wamid = match &what {
        UserMessage::Raw(raw) if raw["id"].is_string() => raw["id"].as_str().unwrap_or_default().to_owned(),
        _ => world.next_wamid(&who),
    };
    let now = config.clock.now();
    lock(&world.limits).inbound(now, phone_number_id, config.number_rate);
    let body = message_body(&number, from, &what, &wamid, now.as_secs());
    world.tell(Happening::UserWrote {
        phone_number_id: phone_number_id.to_owned(),
        from: from.clone(),
        what,
        wamid: wamid.clone(),
    });
    let callback = Callback::new(&config, body, CallbackKind::Message);
    let status = call(&world.delivery, world, callback.clone(), config.repeat_user_messages).await?;
    for _ in 0..world.faults.duplicates_of_message(phone_number_id, &who) {
        call(&world.delivery, world, callback.clone(), false).await?;
    }
    Ok(Inbound { wamid, status })
}

async fn call(delivery: &Delivery, world: &World, mut callback: Callback, repeat: bool) -> anyhow::Result<u16> {
    let answer = delivery.poster.post(world, &mut callback).await;
    if repeat && !answer.as_ref().is_ok_and(|status| *status == 200) {
        delivery.repeats.add(callback, world.config().repeat_pause);
    }
    answer
}

/// Has a user tap what bears this title on the last interactive message they were sent.
pub(crate) async fn tap(world: &World, phone_number_id: &str, from: &User, title: &str) -> anyhow::Result<Inbound> {
    let last = lock(&world.log).newest(|message| {
        message.kind == "interactive" && &*message.phone_number_id == phone_number_id && message.is_for(from)
    });
    let Some(last) = last else { bail!("number {phone_number_id} sent this user no interactive message yet") };
    write(world, phone_number_id, from, find(&last, title)?).await
}

/// The tap on the button or row of this title.
fn find(message: &SentMessage, title: &str) -> anyhow::Result<UserMessage> {
    let body = message.body();
    let action = &body["interactive"]["action"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let context = Some(message.wamid.to_string());
    let mut titles = Vec::new();
    for button in action["buttons"].as_array().into_iter().flatten() {
        let reply = &button["reply"];
        if reply["title"] == title {
            return Ok(UserMessage::ButtonTap { id: text(&reply["id"]), title: title.to_owned(), context });
        }
        titles.push(text(&reply["title"]));
    }
    let sections = action["sections"].as_array().into_iter().flatten();
    for row in sections.flat_map(|section| section["rows"].as_array().into_iter().flatten()) {
        if row["title"] == title {
            let description = row["description"].as_str().map(str::to_owned);
            return Ok(UserMessage::ListTap { id: text(&row["id"]), title: title.to_owned(), description, context });
        }
        titles.push(text(&row["title"]));
    }
    bail!("the last interactive message has nothing called {title:?} to tap; it has {titles:?}")
}
