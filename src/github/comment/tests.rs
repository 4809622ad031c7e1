use pretty_assertions::assert_eq;

use super::*;

fn stamp(run_id: u64) -> Stamp {
    Stamp {
        run_id,
        run_attempt: 1,
        sha: "ab".repeat(20),
    }
}

fn comment(id: u64, run_id: u64, text: &str) -> Own {
    Own {
        id,
        url: format!("https://x/{id}"),
        body: text.to_owned(),
        stamp: stamp(run_id),
    }
}

#[test]
fn the_first_one_stays_and_says_the_newest() {
    let run = stamp(7);
    assert_eq!(next(&[], &run, "new", &[]), Step::Create);
    let first = comment(1, 6, "old");
    assert_eq!(
        next(std::slice::from_ref(&first), &run, "new", &[]),
        Step::Update { id: 1 }
    );
    // Another writer's, of the same run: the text is brought to the first before the second goes.
    let both = [first, comment(2, 7, "new")];
    assert_eq!(next(&both, &run, "new", &[2]), Step::Update { id: 1 });
    let both = [comment(1, 7, "new\r\n"), comment(2, 7, "new")];
    assert_eq!(
        next(&both, &run, "new", &[2]),
        Step::Delete {
            id: 2,
            stays: "https://x/1".to_owned()
        }
    );
    assert_eq!(
        next(&both[..1], &run, "new", &[]),
        Step::Done {
            url: "https://x/1".to_owned()
        }
    );
}

#[test]
fn a_newer_result_is_left_to_its_writer() {
    let older = stamp(7);
    let superseded = |url: &str, delete| Step::Superseded {
        url: url.to_owned(),
        by: stamp(8),
        delete,
    };
    // Ours came first: the newer writer changes it.
    let both = [comment(1, 7, "ours"), comment(2, 8, "theirs")];
    assert_eq!(
        next(&both, &older, "ours", &[1]),
        superseded("https://x/2", None)
    );
    // Ours is the second, and nobody else knows that it is in the way.
    let both = [comment(1, 8, "theirs"), comment(2, 7, "ours")];
    assert_eq!(
        next(&both, &older, "ours", &[2]),
        superseded("https://x/1", Some(2))
    );
    // Not ours to remove.
    assert_eq!(
        next(&both, &older, "ours", &[]),
        superseded("https://x/1", None)
    );
}

#[test]
fn others_and_hidden_comments_are_not_ours() {
    let body = format!("{}\ntext", marker::line("k", &stamp(7)));
    let listed = |login: &str, kind: &str, minimized| Listed {
        id: 1,
        html_url: "https://x/1".to_owned(),
        body: Some(body.clone()),
        user: Some(Author {
            login: login.to_owned(),
            kind: kind.to_owned(),
        }),
        minimized,
    };
    let bot = Viewer::Login("github-actions[bot]".to_owned());
    let found = |comment, viewer: &Viewer, key: &str| own(&[comment], viewer, key, &[]).len();
    assert_eq!(
        found(listed("github-actions[bot]", "Bot", None), &bot, "k"),
        1
    );
    assert_eq!(
        found(listed("github-actions[bot]", "Bot", None), &bot, "l"),
        0
    );
    assert_eq!(found(listed("github-actions", "User", None), &bot, "k"), 0);
    assert_eq!(
        found(listed("mallory", "User", None), &Viewer::SomeBot, "k"),
        0
    );
    // Who is not told its name knows that of a workflow's bot, and what it has made itself.
    for (login, kind, expected) in [
        ("github-actions[bot]", "Bot", 1),
        ("app[bot]", "Bot", 0),
        ("github-actions[bot]", "User", 0),
    ] {
        let comment = listed(login, kind, None);
        assert_eq!(found(comment, &Viewer::SomeBot, "k"), expected, "{login}");
    }
    let made = [listed("app[bot]", "Bot", None)];
    assert_eq!(own(&made, &Viewer::SomeBot, "k", &[1]).len(), 1);
    assert_eq!(own(&made, &Viewer::SomeBot, "k", &[2]).len(), 0);
    let hidden = Some(serde_json::json!({ "reason": "outdated" }));
    assert_eq!(
        found(listed("github-actions[bot]", "Bot", hidden), &bot, "k"),
        0
    );
    let mut gone = listed("", "", None);
    gone.user = None;
    assert_eq!(found(gone, &bot, "k"), 0);
}
