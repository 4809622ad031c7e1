use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn report() -> crate::report::model::CiReport {
    let json = include_str!("../../tests/fixtures/report/broken.json");
    crate::report::model::CiReport::from_json(json).unwrap()
}

fn events() -> Vec<Event> {
    let report = report();
    let mut events = vec![
        Event::Planned {
            total: report.notebooks.len() + report.runs.len(),
        },
        Event::Phase("host".to_owned()),
        Event::Message("using fork\u{1b}[2J".to_owned()),
    ];
    for run in &report.runs {
        let title = run.title.clone();
        events.push(Event::Started {
            kind: Kind::Run,
            title: title.clone(),
        });
        events.push(Event::Progress {
            title,
            text: "step x".to_owned(),
        });
        events.push(Event::Finished(Finished::run(run)));
    }
    for notebook in &report.notebooks {
        let title = notebook.path.clone();
        events.push(Event::Started {
            kind: Kind::Notebook,
            title,
        });
        events.push(Event::Finished(Finished::notebook(notebook)));
    }
    events
}

#[test]
fn a_pipe_gets_the_lines_that_stay() {
    let out = Shared::default();
    let mut progress = Progress::plain(Box::new(out.clone()), false);
    for event in events() {
        progress.handle(event);
    }
    drop(progress);
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn quiet_shows_nothing_and_survives_every_event() {
    let mut progress = Progress::new(Printer::Quiet);
    assert!(matches!(progress.screen, Screen::Hidden));
    for event in events() {
        progress.handle(event);
    }
    assert_eq!((progress.done, progress.total), (15, 15));
}

#[test]
fn lines_that_are_drawn_go_when_they_end() {
    let drawn = Screen::Drawn(Drawn::new(ProgressDrawTarget::hidden()));
    let mut progress = Progress::with(drawn, false);
    let running = |progress: &Progress| match &progress.screen {
        Screen::Drawn(drawn) => drawn.running.len(),
        _ => 0,
    };
    let title = "notebooks/a.py".to_owned();
    progress.handle(Event::Started {
        kind: Kind::Notebook,
        title: title.clone(),
    });
    progress.handle(Event::Started {
        kind: Kind::Notebook,
        title: title.clone(),
    });
    assert_eq!(running(&progress), 1);
    let Screen::Drawn(drawn) = &progress.screen else {
        panic!("drawn")
    };
    let bar = drawn.running[&title].clone();
    progress.handle(Event::Progress {
        title,
        text: "cell b".to_owned(),
    });
    assert_eq!(bar.message(), "notebooks/a.py  cell b");
    for event in events() {
        progress.handle(event);
    }
    assert_eq!(
        running(&progress),
        1,
        "only what never ended is still there"
    );
}

#[test]
fn of_many_steps_some_wait_for_a_line() {
    let drawn = Screen::Drawn(Drawn::new(ProgressDrawTarget::hidden()));
    let detail = Detail {
        level: None,
        several: false,
    };
    let mut progress = Progress::with(drawn, false).with_steps(detail);
    let happened = |progress: &mut Progress, step: usize, kind| {
        let event = RunEvent {
            at: 1.0,
            level: "INFO".to_owned(),
            step: Some(format!("n{step:02}")),
            message: String::new(),
            kind,
        };
        let title = "wide".to_owned();
        let event = Box::new(event);
        progress.handle(Event::Happened { title, event });
    };
    let lines = |progress: &Progress| {
        let Screen::Drawn(drawn) = &progress.screen else {
            panic!("drawn")
        };
        let mut lines: Vec<String> = drawn.steps.keys().map(|key| key.1.clone()).collect();
        lines.sort();
        (lines, drawn.not_drawn.len())
    };
    for step in 0..14 {
        happened(&mut progress, step, RunEventKind::StepStarted);
    }
    let (drawn, waiting) = lines(&progress);
    assert_eq!((drawn.len(), waiting), (Drawn::STEPS, 4));
    // One that is not drawn, and two that are.
    for step in [11, 3, 4] {
        happened(&mut progress, step, RunEventKind::StepSucceeded);
    }
    let (drawn, waiting) = lines(&progress);
    assert_eq!((drawn.len(), waiting), (Drawn::STEPS, 1));
    assert_eq!(drawn[8..], ["n10", "n12"]);
    let run = report().runs[0].clone();
    let title = "wide".to_owned();
    let run = RunReport { title, ..run };
    progress.handle(Event::RunEnded(Box::new(run)));
    assert_eq!(lines(&progress), (Vec::new(), 0));
}
