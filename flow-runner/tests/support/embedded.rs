//! The database file of an embedded installation, asked with another program than ours.

use std::{path::Path, process::Command};

/// Columns of a row are joined by `|`; NULL is nothing.
pub fn ask(file: &Path, sql: &str) -> String {
    each_row(file, sql, "'|'.join('' if value is None else str(value) for value in row)")
}

/// Each row as an object on a line of its own.
pub fn rows(file: &Path, sql: &str) -> String {
    each_row(file, sql, "json.dumps(dict(row))")
}

fn each_row(file: &Path, sql: &str, shown: &str) -> String {
    let script = format!(
        "import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.row_factory = sqlite3.Row
for row in database.execute(sys.argv[2]): print({shown})"
    );
    let output = Command::new("python3").arg("-c").arg(script).arg(file).arg(sql).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
