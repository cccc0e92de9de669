//! Writing as a user.

use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Failure;
use crate::inbound;
use crate::user::{Media, User, UserMessage};
use crate::world::World;

/// Body of `POST /simulator/users/{from}/messages`: the number, and one thing to do.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Write {
    phone_number_id: String,
    /// The name in the user's profile.
    name: Option<String>,
    /// The business-scoped id, beside the phone in the path.
    bsuid: Option<String>,
    text: Option<String>,
    tap: Option<Tap>,
    quick_reply: Option<QuickReply>,
    media: Option<MediaMessage>,
    location: Option<Location>,
    contacts: Option<Value>,
    order: Option<Value>,
    reaction: Option<Reaction>,
    edit: Option<Edit>,
    #[serde(default)]
    request_welcome: bool,
    change_number: Option<ChangeNumber>,
    change_user_id: Option<ChangeUserId>,
    raw: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tap {
    /// The title of a button or row of the last interactive message.
    Title(String),
    /// Any button or row.
    Exact(ExactTap),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExactTap {
    id: String,
    title: String,
    /// The message it is on.
    context: Option<String>,
    /// A row of a list, not a button.
    #[serde(default)]
    is_list: bool,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QuickReply {
    payload: String,
    text: String,
    context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MediaMessage {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    mime_type: Option<String>,
    caption: Option<String>,
    filename: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Location {
    latitude: f64,
    longitude: f64,
    name: Option<String>,
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reaction {
    message_id: String,
    emoji: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Edit {
    message_id: String,
    text: String,
}

/// Who the user is from now on; the path says who they were.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeNumber {
    phone: String,
    bsuid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeUserId {
    bsuid: String,
}

/// What a user does: most things are a message, a tap by title needs the log.
enum Deed {
    Message(UserMessage),
    TapTitle(String),
}

/// Answers with the message's id and what the webhook answered.
pub(super) async fn write(
    State(world): State<Arc<World>>,
    Path(from): Path<String>,
    body: Result<Json<Write>, JsonRejection>,
) -> Result<Json<Value>, Failure> {
    let Json(write) = body.map_err(Failure::unprocessable)?;
    let number = write.phone_number_id.clone();
    let mut user = User::from_id(&from);
    if let Some(name) = &write.name {
        user.name.clone_from(name);
    }
    if let Some(bsuid) = &write.bsuid {
        user.bsuid = Some(bsuid.clone());
    }
    let inbound = match write.deed().map_err(Failure::unprocessable)? {
        Deed::Message(message) => inbound::write(&world, &number, &user, message).await,
        Deed::TapTitle(title) => inbound::tap(&world, &number, &user, &title).await,
    };
    let inbound = inbound.map_err(|error| Failure::new(StatusCode::BAD_GATEWAY, format!("{error:#}")))?;
    Ok(Json(json!({"wamid": inbound.wamid, "status": inbound.status})))
}

impl Write {
    fn deed(self) -> anyhow::Result<Deed> {
        let messages = [
            self.text.map(UserMessage::Text),
            self.quick_reply.map(|QuickReply { payload, text, context }| UserMessage::QuickReply {
                payload,
                text,
                context,
            }),
            self.media.map(MediaMessage::message).transpose()?,
            self.location.map(|Location { latitude, longitude, name, address }| UserMessage::Location {
                latitude,
                longitude,
                name,
                address,
            }),
            self.contacts.map(UserMessage::Contacts),
            self.order.map(UserMessage::Order),
            self.reaction.map(|Reaction { message_id, emoji }| UserMessage::Reaction { message_id, emoji }),
            self.edit.map(|Edit { message_id, text }| UserMessage::Edit { message_id, text }),
            self.request_welcome.then_some(UserMessage::RequestWelcome),
            self.change_number.map(|ChangeNumber { phone, bsuid }| UserMessage::ChangeNumber { phone, bsuid }),
            self.change_user_id.map(|ChangeUserId { bsuid }| UserMessage::ChangeUserId { bsuid }),
            self.raw.map(UserMessage::Raw),
        ];
        let mut deeds: Vec<Deed> = messages.into_iter().flatten().map(Deed::Message).collect();
        deeds.extend(self.tap.map(Tap::deed));
        if deeds.len() > 1 {
            bail!("one thing at a time, these are {}", deeds.len());
        }
        deeds.pop().context(
            "nothing to do: text, tap, quickReply, media, location, contacts, order, reaction, edit, requestWelcome, \
             changeNumber, changeUserId or raw",
        )
    }
}

impl Tap {
    fn deed(self) -> Deed {
        match self {
            Self::Title(title) => Deed::TapTitle(title),
            Self::Exact(ExactTap { id, title, context, is_list: true, description }) => {
                Deed::Message(UserMessage::ListTap { id, title, description, context })
            }
            Self::Exact(ExactTap { id, title, context, .. }) => {
                Deed::Message(UserMessage::ButtonTap { id, title, context })
            }
        }
    }
}

impl MediaMessage {
    fn message(self) -> anyhow::Result<UserMessage> {
        let (mime_type, wrap): (_, fn(Media) -> UserMessage) = match self.kind.as_str() {
            "image" => ("image/jpeg", UserMessage::Image),
            "video" => ("video/mp4", UserMessage::Video),
            "audio" => ("audio/mpeg", UserMessage::Audio),
            "voice" => ("audio/ogg; codecs=opus", UserMessage::Voice),
            "document" => ("application/pdf", UserMessage::Document),
            "sticker" => ("image/webp", UserMessage::Sticker),
            other => bail!("media.type is image, video, audio, voice, document or sticker, not {other:?}"),
        };
        Ok(wrap(Media {
            id: self.id.unwrap_or_else(|| "1600000000000000".to_owned()),
            mime_type: self.mime_type.unwrap_or_else(|| mime_type.to_owned()),
            caption: self.caption,
            filename: self.filename,
        }))
    }
}
