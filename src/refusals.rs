//! One server-log line for each refusal: the reason is for the operator, the client gets none. And for
//! what would be recorded if a standby could write.

use crate::caller;
use pgrx::prelude::*;

/// Writes `pg_warden refused function=… reason=… …` to the server log.
///
/// Values may come from an unverified token, so each is quoted, cut and freed of control
/// characters: nobody writes a second line into the log.
pub fn log(function: &str, reason: &str, fields: &[(&str, Option<&str>)]) {
    let line = format!("pg_warden refused function={function} reason={}", quote(reason));
    write(line, fields, PgSqlErrorCode::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
}

/// Writes `pg_warden event=… …` to the server log: on a standby, where no record can be written.
pub fn log_event(event: &str, fields: &[(&str, Option<&str>)]) {
    write(format!("pg_warden event={event}"), fields, PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION);
}

fn write(mut line: String, fields: &[(&str, Option<&str>)], code: PgSqlErrorCode) {
    for (name, value) in fields {
        if let Some(value) = value {
            line.push_str(&format!(" {name}={}", quote(value)));
        }
    }
    line.push_str(&format!(" role={}", quote(&caller::name())));
    ereport!(PgLogLevel::LOG_SERVER_ONLY, code, line);
}

/// How each line begins.
pub const PREFIX: &[u8] = b"pg_warden ";

fn quote(value: &str) -> String {
    const LONGEST: usize = 128;
    let mut quoted = String::from('"');
    for character in value.chars().take(LONGEST) {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => quoted.push('?'),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
