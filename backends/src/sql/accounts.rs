//! Accounts, API keys and business numbers.

use super::{
    cipher::Cipher,
    db::{Db, Transaction, execute},
    feed::{self, Forgets},
    remembered::Remembered,
    rows::column,
    store_error,
};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use shared::{
    Clock, Timestamp,
    ids::{self, AccountId, PhoneNumberId},
    ports::{
        Stored,
        accounts::{Account, Accounts, ApiKeys, ConfiguredAccount, CreatedAccount, PAUSED_BY_HAND, PhoneNumber},
    },
};
use std::sync::Arc;

/// Numbers and keys remembered at most.
const REMEMBERED: usize = 100_000;
/// Random bytes of an API key.
const KEY_BYTES: usize = 32;
/// What an API key begins with, so that scanners for leaked secrets can tell it.
const KEY_PREFIX: &str = "frk_";
/// What stands for the beginning of a key that the settings give: whoever chose it may have chosen a short one.
const CONFIGURED: &str = "configured";
/// Characters of a key that are kept to tell it by.
const SHOWN: usize = 10;

/// The tables `accounts`, `api_keys` and `phone_numbers`.
#[derive(Debug)]
pub struct SqlAccounts {
    db: Db,
    cipher: Cipher,
    clock: Arc<dyn Clock>,
    numbers: Remembered<PhoneNumberId, Option<Arc<PhoneNumber>>>,
    keys: Remembered<String, AccountId>,
}

impl SqlAccounts {
    /// Over this database, with tokens under this cipher.
    #[must_use]
    pub fn new(db: Db, cipher: Cipher, clock: Arc<dyn Clock>) -> Self {
        Self { db, cipher, clock, numbers: Remembered::new(REMEMBERED), keys: Remembered::new(REMEMBERED) }
    }

    async fn change(&self, statements: Vec<(&'static str, Vec<Value>)>) -> Stored<()> {
        self.db.write(Change { statements }).await?;
        self.forget_all();
        Ok(())
    }

    fn key_row(&self, account: &AccountId, key: &SecretString) -> (&'static str, Vec<Value>) {
        let sql = "INSERT INTO api_keys (hash, prefix, account_id, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (hash) DO UPDATE SET account_id = excluded.account_id, revoked_at = NULL, expires_at = NULL";
        let shown: String = key.expose_secret().chars().take(SHOWN).collect();
        let now = self.clock.now().0;
        (sql, vec![hash(key.expose_secret()).into(), shown.into(), account.as_str().into(), now.into()])
    }

    fn number_row(&self, account: &AccountId, id: &PhoneNumberId, token: &SecretString) -> (&'static str, Vec<Value>) {
        let sql = "INSERT INTO phone_numbers (id, account_id, access_token, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $4)
            ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, access_token = excluded.access_token,
                paused = CASE WHEN phone_numbers.paused = $5 THEN $5 END, updated_at = excluded.updated_at";
        let sealed = self.cipher.seal(&place(account, id), token);
        let values = vec![
            id.as_str().into(),
            account.as_str().into(),
            sealed.into(),
            self.clock.now().0.into(),
            PAUSED_BY_HAND.into(),
        ];
        (sql, values)
    }

    fn account_row(&self, id: &AccountId, name: &str) -> (&'static str, Vec<Value>) {
        let sql = "INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
        (sql, vec![id.as_str().into(), name.into(), self.clock.now().0.into()])
    }

    fn number(&self, row: &QueryResult) -> Result<PhoneNumber, DbErr> {
        let id: PhoneNumberId = column::<String>(row, "id")?.into();
        let account_id: AccountId = column::<String>(row, "account_id")?.into();
        let sealed: String = column(row, "access_token")?;
        let mut paused: Option<String> = column(row, "paused")?;
        // One number's unreadable token holds that number, and nothing else.
        let access_token = self.cipher.open(&place(&account_id, &id), &sealed).unwrap_or_else(|error| {
            paused = Some(error.to_string());
            SecretString::default()
        });
        let rate: Option<i64> = column(row, "rate")?;
        let rate = rate.and_then(|rate| u32::try_from(rate).ok());
        Ok(PhoneNumber { id, account_id, access_token, rate, paused })
    }
}

impl Forgets for SqlAccounts {
    fn forget(&self, scope: &str) {
        if scope == feed::ACCOUNTS {
            self.forget_all();
        }
    }

    fn forget_all(&self) {
        self.numbers.forget(|_| true);
        self.keys.forget(|_| true);
    }
}

/// Statements on accounts, noted for the other processes.
struct Change {
    statements: Vec<(&'static str, Vec<Value>)>,
}

#[async_trait]
impl Transaction for Change {
    type Output = ();
    const DOING: &'static str = "changing accounts";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        for (sql, values) in &self.statements {
            execute(tx, sql, values.clone()).await?;
        }
        feed::note(tx, feed::ACCOUNTS).await
    }
}

/// The place that an access token is bound to.
fn place(account: &AccountId, number: &PhoneNumberId) -> String {
    format!("{account}/{number}")
}

/// A key has 256 random bits, so a plain hash of it can't be searched.
fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

fn fresh_key() -> SecretString {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

#[async_trait]
impl ApiKeys for SqlAccounts {
    async fn account_of_key(&self, api_key: &str) -> Stored<Option<AccountId>> {
        const DOING: &str = "looking up an API key";
        let hash = hash(api_key);
        if let Some(known) = self.keys.get(&hash) {
            return Ok(Some(known));
        }
        let generation = self.keys.generation();
        let sql = "SELECT account_id, expires_at FROM api_keys
            WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
        let Some(row) = self.db.one(DOING, sql, vec![hash.clone().into(), self.clock.now().0.into()]).await? else {
            return Ok(None);
        };
        let read =
            || Ok::<_, DbErr>((column::<String>(&row, "account_id")?, column::<Option<i64>>(&row, "expires_at")?));
        let (account, expires_at) = read().map_err(|error| store_error(DOING, &error))?;
        let account = AccountId::from(account);
        if expires_at.map(Timestamp).is_none() {
            // One that expires is asked for each time.
            self.keys.keep(generation, hash, account.clone());
        }
        Ok(Some(account))
    }
}

#[async_trait]
impl Accounts for SqlAccounts {
    async fn create_account(&self, name: &str) -> Stored<CreatedAccount> {
        let id: AccountId = ids::fresh().into();
        let api_key = fresh_key();
        self.change(vec![self.account_row(&id, name), self.key_row(&id, &api_key)]).await?;
        Ok(CreatedAccount { id, name: name.to_owned(), api_key })
    }

    async fn rotate_key(&self, account: &AccountId, old_end: Timestamp) -> Stored<Option<SecretString>> {
        if !self.accounts().await?.iter().any(|known| known.id == *account) {
            return Ok(None);
        }
        let api_key = fresh_key();
        let end = "UPDATE api_keys SET expires_at = $2
            WHERE account_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
        // The old ones first: the new one is none of them.
        let end = (end, vec![account.as_str().into(), old_end.0.into()]);
        self.change(vec![end, self.key_row(account, &api_key)]).await?;
        Ok(Some(api_key))
    }

    async fn accounts(&self) -> Stored<Vec<Account>> {
        const DOING: &str = "listing accounts";
        let sql = "SELECT id, name, created_at FROM accounts ORDER BY created_at, id";
        let read = |row: &QueryResult| {
            Ok(Account {
                id: column::<String>(row, "id")?.into(),
                name: column(row, "name")?,
                created_at: Timestamp(column(row, "created_at")?),
            })
        };
        let rows = self.db.all(DOING, sql, vec![]).await?;
        rows.iter().map(read).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))
    }

    async fn configure_account(&self, account: ConfiguredAccount) -> Stored<()> {
        let ConfiguredAccount { id, api_key, phone_number_id, access_token } = account;
        let (sql, mut values) = self.key_row(&id, &api_key);
        values[1] = CONFIGURED.into();
        let hash = values[0].clone();
        let now = self.clock.now().0;
        let revoke = "UPDATE api_keys SET revoked_at = $4
            WHERE account_id = $1 AND hash <> $2 AND prefix = $3 AND revoked_at IS NULL";
        let mut statements = vec![
            self.account_row(&id, id.as_str()),
            (sql, values),
            (revoke, vec![id.as_str().into(), hash, CONFIGURED.into(), now.into()]),
        ];
        // The same token again says nothing new: a pause goes on over restarts.
        let known = self.phone_number(&phone_number_id).await?;
        let same = known.is_some_and(|number| {
            number.account_id == id && number.access_token.expose_secret() == access_token.expose_secret()
        });
        if !same {
            statements.push(self.number_row(&id, &phone_number_id, &access_token));
        }
        self.change(statements).await
    }

    async fn phone_number(&self, id: &PhoneNumberId) -> Stored<Option<Arc<PhoneNumber>>> {
        const DOING: &str = "looking up a phone number";
        if let Some(known) = self.numbers.get(id) {
            return Ok(known);
        }
        let generation = self.numbers.generation();
        let sql = "SELECT id, account_id, access_token, rate, paused FROM phone_numbers WHERE id = $1";
        let row = self.db.one(DOING, sql, vec![id.as_str().into()]).await?;
        let number = row.map(|row| self.number(&row)).transpose().map_err(|error| store_error(DOING, &error))?;
        let number = number.map(Arc::new);
        self.numbers.keep(generation, id.clone(), number.clone());
        Ok(number)
    }

    async fn phone_numbers(&self) -> Stored<Vec<Arc<PhoneNumber>>> {
        const DOING: &str = "listing phone numbers";
        let sql = "SELECT id, account_id, access_token, rate, paused FROM phone_numbers ORDER BY id";
        let rows = self.db.all(DOING, sql, vec![]).await?;
        rows.iter().map(|row| self.number(row).map(Arc::new).map_err(|error| store_error(DOING, &error))).collect()
    }

    async fn add_phone_number(&self, account: &AccountId, id: &PhoneNumberId, token: SecretString) -> Stored<()> {
        self.change(vec![self.number_row(account, id, &token)]).await
    }

    async fn set_rate(&self, id: &PhoneNumberId, rate: Option<u32>) -> Stored<()> {
        let sql = "UPDATE phone_numbers SET rate = $2, updated_at = $3 WHERE id = $1";
        let rate = rate.map(i64::from);
        self.change(vec![(sql, vec![id.as_str().into(), rate.into(), self.clock.now().0.into()])]).await
    }

    async fn pause_phone_number(&self, id: &PhoneNumberId, reason: Option<&str>) -> Stored<()> {
        let sql = "UPDATE phone_numbers SET paused = $2, updated_at = $3 WHERE id = $1";
        let reason = reason.map(str::to_owned);
        self.change(vec![(sql, vec![id.as_str().into(), reason.into(), self.clock.now().0.into()])]).await
    }
}
