//! Which variables hold secrets, and what of their values is to be looked for.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::report::model::CiReport;

/// Words of a variable's name that leave no doubt that its value is secret.
const SURE: &[&str] = &[
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "TOKENS",
];

/// Words that say so where the value looks like a secret.
const LIKELY: &[&str] = &["CONNSTR", "DSN", "PAT", "PRIVATE", "PWD", "SAS", "WEBHOOK"];

/// What makes the `KEY` at a name's end one that opens something.
const KEYS: &[&str] = &[
    "ACCESS",
    "ACCOUNT",
    "API",
    "APP",
    "AUTH",
    "DECRYPTION",
    "DEPLOY",
    "ENCRYPTION",
    "FERNET",
    "HMAC",
    "JWT",
    "LICENCE",
    "LICENSE",
    "MASTER",
    "PRIVATE",
    "SECRET",
    "SHARED",
    "SIGNING",
    "SSH",
    "STORAGE",
    "SUBSCRIPTION",
];

/// How deep JSON inside a value is looked into.
const DEPTH: usize = 16;

/// How sure it is that a value is secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// Its name may be a coincidence.
    Likely,
    /// Its name says so, or the user.
    Sure,
}

/// What of a variable must not be seen.
pub(super) fn secrets_in(name: &str, value: &str, named: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let trust = if named {
        Some(Trust::Sure)
    } else {
        trust(name, value)
    };
    if let Some(trust) = trust {
        add_value(value, trust, &mut found);
    }
    add_addresses(value, &mut found);
    found
}

/// What is looked for of a value that is known to be secret.
pub(super) fn parts(value: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    add_value(value, Trust::Sure, &mut found);
    found
}

/// Whether a variable holds a secret, by its name and what its value looks like.
fn trust(name: &str, value: &str) -> Option<Trust> {
    let name = name.to_ascii_uppercase();
    if !may_be_secret(&name) || is_a_path(value) {
        return None;
    }
    let words: Vec<&str> = name.split(['_', '-', '.', ' ']).collect();
    let number = value.trim().bytes().all(|byte| byte.is_ascii_digit());
    let last = words.last().copied().unwrap_or_default();
    // `MAX_TOKENS` and `TOKEN_LIMIT` count them.
    let counts = |word: &str| number && (word == "TOKENS" || (word == "TOKEN" && last != "TOKEN"));
    if words
        .iter()
        .any(|word| SURE.contains(word) && !counts(word))
    {
        return Some(Trust::Sure);
    }
    let before_last = words.len().checked_sub(2).map(|index| words[index]);
    let key = last == "KEY" && before_last.is_some_and(|word| KEYS.contains(&word));
    let likely = words.iter().any(|word| LIKELY.contains(word))
        || key
        || last == "AUTH"
        || name.ends_with("CONNECTION_STRING");
    likely.then_some(Trust::Likely)
}

/// Whether a name in capitals is not one of those that only sound like secrets.
fn may_be_secret(name: &str) -> bool {
    // The inputs of an action are there as they are written in a workflow, which is no secret.
    let input = name.starts_with("INPUT_") && name != "INPUT_GITHUB-TOKEN";
    // Settings that hold names of variables.
    let names = name.starts_with("DAGLAB_")
        && (name.ends_with("_ENV") || name.ends_with("SECURITY__SECRETS"));
    // When credentials end is no secret, and people must know it.
    let time = name.ends_with("_EXPIRATION");
    !input && !names && !time && !["PWD", "OLDPWD"].contains(&name)
}

/// `SSH_AUTH_SOCK` and files with credentials are named by their paths.
fn is_a_path(value: &str) -> bool {
    value.contains('/') && Path::new(value).exists()
}

fn add_value(value: &str, trust: Trust, found: &mut BTreeSet<String>) {
    let value = value.trim();
    add(value, trust, found);
    let tree = serde_json::from_str::<Value>(value);
    if let Ok(tree @ (Value::Object(_) | Value::Array(_))) = tree {
        add_leaves("", &tree, DEPTH, found);
        return;
    }
    add_lines(value, found);
    for piece in value.split([';', ' ', '\n']) {
        if let Some((name, value)) = piece.split_once('=')
            && is_password_of_connection(name)
        {
            add(value.trim(), Trust::Likely, found);
        }
    }
}

/// The lines of a value, for a key is often printed in lines.
fn add_lines(value: &str, found: &mut BTreeSet<String>) {
    if value.contains('\n') {
        for line in value.lines() {
            add(line.trim(), Trust::Likely, found);
        }
    }
}

/// The texts of JSON that may be secret.
fn add_leaves(name: &str, tree: &Value, depth: usize, found: &mut BTreeSet<String>) {
    if depth == 0 {
        return;
    }
    match tree {
        Value::String(text) if !is_public(name) => {
            let trust = trust(name, text).unwrap_or(Trust::Likely);
            add(text.trim(), trust, found);
            add_lines(text, found);
            add_addresses(text, found);
        }
        Value::Array(items) => {
            for item in items {
                add_leaves(name, item, depth - 1, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                add_leaves(name, value, depth - 1, found);
            }
        }
        _ => {}
    }
}

/// What everybody may know of an account, by the name of a field in a file of credentials.
fn is_public(name: &str) -> bool {
    let last = name.rsplit(['_', '-']).next().unwrap_or_default();
    ["type", "uri", "url", "domain", "region"].contains(&last.to_ascii_lowercase().as_str())
        || name == "project_id"
}

fn is_password_of_connection(name: &str) -> bool {
    let name = name.trim().to_ascii_uppercase().replace(' ', "");
    ["PASSWORD", "PWD", "KEY", "SECRET", "TOKEN", "SIGNATURE"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// What gives access in addresses: passwords, and tokens in place of a user.
fn add_addresses(value: &str, found: &mut BTreeSet<String>) {
    for (at, _) in value.match_indices("://") {
        let scheme = value[..at]
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))
            .next()
            .unwrap_or_default();
        let authority = value[at + 3..]
            .split(['/', '?', '#', ' ', '\n', '"'])
            .next()
            .unwrap_or_default();
        let Some((login, _)) = authority.rsplit_once('@').filter(|_| !scheme.is_empty()) else {
            continue;
        };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let web = scheme.contains("http");
        for part in [user, password] {
            let decoded = percent_decode_str(part).decode_utf8_lossy();
            for text in [part, &*decoded] {
                let secret = if std::ptr::eq(part, user) {
                    web && looks_like_a_token(text)
                } else {
                    password != user && !is_a_word(text)
                };
                if secret {
                    add(text, Trust::Sure, found);
                }
            }
        }
    }
}

/// Whether a user's name is none: `https://TOKEN@host`.
fn looks_like_a_token(user: &str) -> bool {
    let digit = user.bytes().any(|byte| byte.is_ascii_digit());
    user.len() >= 8 && (digit || user.len() >= 20) && !user.contains('@') && !user.contains("%40")
}

/// Takes a value among the secrets, if it tells anything.
fn add(value: &str, trust: Trust, found: &mut BTreeSet<String>) {
    let shortest = match trust {
        Trust::Sure => super::SHORTEST,
        Trust::Likely => 8,
    };
    let plain = trust == Trust::Likely && is_a_word(value);
    if value.chars().count() >= shortest && !plain && !is_plain(value) && !is_of_reports(value) {
        found.insert(value.to_owned());
    }
}

/// A word or a name as texts and programs are full of.
fn is_a_word(value: &str) -> bool {
    value.len() < 16
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || b"_-.".contains(&byte))
}

/// Values that say nothing: switches, and the frame of a PEM file.
fn is_plain(value: &str) -> bool {
    value.starts_with("-----") && !value.contains('\n')
        || ["false", "disabled", "enabled", "default"]
            .contains(&value.to_ascii_lowercase().as_str())
}

/// Whether a value is a word that every report is full of, or a part of such.
fn is_of_reports(value: &str) -> bool {
    static WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut words = BTreeSet::new();
        add_words(&schemars::schema_for!(CiReport).to_value(), &mut words);
        words
    });
    WORDS.iter().any(|word| word.contains(value))
}

/// The names of fields and the words of enumerations in a schema.
fn add_words(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                match (keyword.as_str(), value) {
                    ("properties", Value::Object(fields)) => words.extend(fields.keys().cloned()),
                    ("const", Value::String(word)) => {
                        words.insert(word.clone());
                    }
                    ("enum", Value::Array(all)) => {
                        words.extend(all.iter().filter_map(|it| it.as_str().map(str::to_owned)));
                    }
                    _ => {}
                }
                add_words(value, words);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| add_words(item, words)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, value: &str) -> Vec<String> {
        secrets_in(name, value, false).into_iter().collect()
    }

    #[test]
    fn names_say_what_is_secret() {
        for name in [
            "GITHUB_TOKEN",
            "INPUT_GITHUB-TOKEN",
            "db_password",
            "AWS_SECRET_ACCESS_KEY",
            "SNOWFLAKE_PRIVATE_KEY",
            "OPENAI_API_KEY",
            "AZURE_STORAGE_CONNECTION_STRING",
            "SLACK_WEBHOOK",
            "GH_PAT",
            "REGISTRY_AUTH",
        ] {
            assert_eq!(found(name, "value-0815"), ["value-0815"], "{name}");
        }
        for name in [
            "PATH",
            "KEY",
            "KEYBOARD",
            "MONKEY",
            "GPG_KEY",
            "SORT_KEY",
            "PRIMARY_KEY",
            "INPUT_DAGSTER-TOKEN",
            "DAGLAB_SECURITY__SECRETS",
            "DAGLAB_DAGSTER__TOKEN_ENV",
        ] {
            assert!(found(name, "value-0815").is_empty(), "{name}");
        }
    }

    #[test]
    fn an_ordinary_environment_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().to_str().unwrap();
        for (name, value) in [
            ("SORT_KEY", "status"),
            ("SORT_KEY", "orders"),
            ("API_KEY", "notebooks"),
            ("PRIVATE", "true"),
            ("PRIVATE", "repository"),
            ("AUTH", "github"),
            ("SSH_AUTH_SOCK", here),
            ("GIT_ASKPASS_TOKEN", here),
            ("PWD", "/gone/for/good"),
            ("OLDPWD", "/gone/for/good"),
            ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
            ("MAX_TOKENS", "100000"),
            ("TOKEN_LIMIT", "100000"),
            ("TOKENIZERS_PARALLELISM", "disabled-for-now"),
            ("DB_PASSWORD", "status"),
            ("DB_PASSWORD", "short"),
            ("DB_PASSWORD", "attempt"),
            ("DATABASE_URL", "postgres://postgres:postgres@db/postgres"),
            ("DATABASE_URL", "postgres://me:password@db/x"),
            ("REMOTE", "ssh://git@github.com/a/b"),
            ("REMOTE", "https://someone@dev.azure.com/a/b"),
            ("PIP_INDEX_URL", "https://pypi.org/simple"),
        ] {
            assert!(found(name, value).is_empty(), "{name}={value}");
        }
    }

    #[test]
    fn a_plain_word_is_secret_where_there_is_no_doubt() {
        assert_eq!(found("DB_PASSWORD", "hunter"), ["hunter"]);
        assert_eq!(found("ADMIN_PASSWORD", "12345678"), ["12345678"]);
        assert_eq!(
            secrets_in("LICENCE", "orders", true),
            BTreeSet::from(["orders".to_owned()])
        );
        assert!(secrets_in("LICENCE", "status", true).is_empty());
    }

    #[test]
    fn addresses_hold_passwords_and_tokens() {
        assert_eq!(
            found("DATABASE_URL", "postgresql+psycopg://u:hunter22@db/x"),
            ["hunter22"]
        );
        assert_eq!(
            found("DATABASE_URL", "https://u:p%40ssw%2Frd@h:80/a@b"),
            ["p%40ssw%2Frd", "p@ssw/rd"]
        );
        assert_eq!(
            found("UV_INDEX_URL", "https://tok-4711-abc@host/simple"),
            ["tok-4711-abc"]
        );
        assert_eq!(
            found(
                "INDEXES",
                "https://a:first-one1@h/ https://tok-4711-abc:@h/"
            ),
            ["first-one1", "tok-4711-abc"]
        );
        assert!(found("X", "https://h/a:b22222222@c").is_empty());
        assert!(found("X", "u:p@h").is_empty());
    }

    #[test]
    fn a_connection_string_has_its_password() {
        let value = "AccountName=orders;AccountKey=c2VjcmV0LWtleQ==;EndpointSuffix=core";
        let found = found("AZURE_STORAGE_CONNECTION_STRING", value);
        assert_eq!(found, [value, "c2VjcmV0LWtleQ=="]);
    }

    #[test]
    fn json_has_its_leaves_and_their_lines() {
        let value = serde_json::json!({
            "type": "service_account",
            "project_id": "orders-4711",
            "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0\n",
            "token_uri": "https://oauth2.googleapis.com/token",
            "inner": [{"password": "hunter"}],
        })
        .to_string();
        let found = found("SA_CREDENTIALS", &value);
        for wanted in ["MIIEvQIBADANBg", "kqhkiG9w0", "hunter", value.as_str()] {
            assert!(found.iter().any(|it| it == wanted), "{wanted} {found:?}");
        }
        assert!(
            !found
                .iter()
                .any(|it| it.starts_with("https:") || it == "orders-4711")
        );
    }

    #[test]
    fn frames_and_switches_are_none() {
        let found = parts("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----\n");
        assert!(!found.contains("-----END PRIVATE KEY-----"));
        assert!(found.contains("MIIEvQIBADAN"));
        assert!(parts("default").is_empty());
    }
}
