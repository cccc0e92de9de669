//! Recipients by hand: who is in a session, and moving somebody.

use super::{
    conditions::Conditions,
    cursor,
    db::{Db, Transaction, execute},
    rows::{column, corrupt},
    store_error,
};
use async_trait::async_trait;
use flow_engine::Conversation;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use shared::{
    Timestamp,
    ids::{AccountId, Identities, RecipientId, RowVersion},
    ports::{
        Stored,
        listing::{Listed, Page},
        recipients::{Recipient, Recipients},
    },
};

const DOING: &str = "reading recipients";
const COLUMNS: &str = "id, account_id, phone, bsuid, profile_name, conversation, version, last_message_at";
/// How every conversation with a session begins.
const IN_SESSION: &str = r#"{"session":%"#;

/// The table `recipients`, as operators use it.
#[derive(Debug)]
pub struct SqlRecipients(pub Db);

impl SqlRecipients {
    /// The next rows with a session, live or expired.
    async fn with_session(
        &self,
        account: Option<&AccountId>,
        after: Option<&str>,
        limit: i64,
    ) -> Stored<Vec<Recipient>> {
        let mut conditions = Conditions::default();
        conditions.and("conversation LIKE ?", IN_SESSION);
        conditions.and_if("account_id = ?", account.map(|id| id.as_str()));
        conditions.and_if("id > ?", after);
        let (conditions, mut values) = conditions.into_parts();
        values.push(limit.into());
        let sql = format!("SELECT {COLUMNS} FROM recipients {conditions} ORDER BY id LIMIT ${}", values.len());
        self.read(&sql, values).await
    }

    async fn read(&self, sql: &str, values: Vec<Value>) -> Stored<Vec<Recipient>> {
        let rows = self.0.all(DOING, sql, values).await?;
        rows.iter().map(recipient).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))
    }
}

fn recipient(row: &QueryResult) -> Result<Recipient, DbErr> {
    let conversation: String = column(row, "conversation")?;
    let text = |name| column::<Option<String>>(row, name);
    Ok(Recipient {
        id: column::<String>(row, "id")?.into(),
        account_id: column::<String>(row, "account_id")?.into(),
        identities: Identities { bsuid: text("bsuid")?.map(Into::into), phone: text("phone")?.map(Into::into) },
        profile_name: text("profile_name")?,
        conversation: serde_json::from_str(&conversation).map_err(|error| corrupt("a conversation", error))?,
        version: RowVersion(column(row, "version")?),
        last_message_at: column::<Option<i64>>(row, "last_message_at")?.map(Timestamp),
    })
}

/// A recipient, moved by hand. Its commit counter stays: it only orders what commits send.
struct Place {
    recipient: RecipientId,
    expected: RowVersion,
    version: RowVersion,
    conversation: String,
    now: Timestamp,
}

#[async_trait]
impl Transaction for Place {
    type Output = bool;
    const DOING: &'static str = "placing a recipient";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<bool, DbErr> {
        let sql =
            "UPDATE recipients SET conversation = $3, version = $4, updated_at = $5 WHERE id = $1 AND version = $2";
        let values = vec![
            self.recipient.as_str().into(),
            self.expected.0.into(),
            self.conversation.as_str().into(),
            self.version.0.into(),
            self.now.0.into(),
        ];
        Ok(execute(tx, sql, values).await? > 0)
    }
}

#[async_trait]
impl Recipients for SqlRecipients {
    async fn in_session(&self, account: Option<&AccountId>, now: Timestamp, page: &Page) -> Stored<Listed<Recipient>> {
        cursor::check(&self.0, DOING, "SELECT id FROM recipients WHERE id = $1", page).await?;
        let wanted = i64::from(page.limit) + 1;
        let mut after = page.after.clone();
        let mut live = Vec::new();
        // Whether a session lives stands in its JSON, which no two databases look into the same way.
        loop {
            let rows = self.with_session(account, after.as_deref(), wanted).await?;
            after = rows.last().map(|row| row.id.to_string());
            let more = rows.len() as i64 == wanted;
            let lives = |row: &Recipient| row.conversation.session.as_ref().is_some_and(|at| at.expires_at > now);
            live.extend(rows.into_iter().filter(lives));
            if !more || live.len() as i64 >= wanted {
                return Ok(Listed::cut(live, page.limit, |row| row.id.to_string()));
            }
        }
    }

    async fn named(&self, account: Option<&AccountId>, who: &str) -> Stored<Vec<Recipient>> {
        let mut conditions = Conditions::default();
        // An id of before a merge leads to the row that stayed; and by account and kind, so that the index of identities
        // answers.
        conditions.and(
            "(id IN (WITH RECURSIVE way (id, merged_into) AS (SELECT id, merged_into FROM recipients WHERE id = ?
                    UNION SELECT r.id, r.merged_into FROM recipients r JOIN way ON r.id = way.merged_into)
                SELECT id FROM way WHERE merged_into IS NULL)
              OR id IN (SELECT recipient_id FROM identities WHERE account_id IN (SELECT id FROM accounts)
                AND kind IN ('bsuid', 'phone') AND value = ?))",
            who,
        );
        conditions.and_if("account_id = ?", account.map(|id| id.as_str()));
        let (conditions, values) = conditions.into_parts();
        self.read(&format!("SELECT {COLUMNS} FROM recipients {conditions} ORDER BY id"), values).await
    }

    async fn place(
        &self,
        recipient: &RecipientId,
        expected: RowVersion,
        conversation: &Conversation,
        now: Timestamp,
    ) -> Stored<Option<RowVersion>> {
        let conversation = serde_json::to_string(conversation)
            .map_err(|error| store_error(Place::DOING, &DbErr::Custom(error.to_string())))?;
        let version = RowVersion::draw();
        let place = Place { recipient: recipient.clone(), expected, version, conversation, now };
        Ok(self.0.write(place).await?.then_some(version))
    }
}
