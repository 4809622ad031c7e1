//! What is done in a browser with each notebook, and what is to be seen.

use serde_json::{Value, json};

/// Steps, after those that begin in the editor: it runs no cell by itself.
fn begun(in_editor: bool, steps: Value) -> Value {
    let mut all = Vec::new();
    if in_editor {
        all.extend([json!({"see": "Explore"}), json!({"run": true})]);
    }
    all.push(json!({"see": "Dagster 1."}));
    if let Value::Array(steps) = steps {
        all.extend(steps);
    }
    Value::Array(all)
}

/// Every button of the default template.
pub fn everything() -> Value {
    begun(
        true,
        json!([
            {"see": "The run config is valid"},
            {"see": "Nothing was launched yet"},
            {"picture": "opened"},
            {"press": "Launch in Dagster"},
            {"see": "Stopping this cell does not cancel the run"},
            {"picture": "running"},
            {"see": "Succeeded"},
            {"see": "Success rate"},
            {"press": "Refresh"},
            {"see": "Succeeded"},
            {"press": "Run in this process"},
            {"see": "In process and in Dagster"},
            {"see": "Memory of the last run in this process"},
            {"press": "Export"},
            {"see": "Exported"},
            {"picture": "everything"},
            {"download": "Diagnostics"},
            {"press": "Reset state"},
            {"see": "Nothing was launched yet"},
            {"gone": "Success rate"},
        ]),
    )
}

/// A run config that is wrong, and one that is right.
pub fn run_config() -> Value {
    begun(
        true,
        json!([
            {"edit": "ops:\n  load:\n    config:\n      tabel: orders\n"},
            {"see": "The run config is not valid"},
            {"press": "Launch in Dagster"},
            {"see": "nothing was launched"},
            {"picture": "wrong"},
            {"edit": "ops: {load: {config: {table: orders}}}"},
            {"see": "✓ The run config is valid"},
            {"press": "Launch in Dagster"},
            {"see": "Succeeded"},
            {"choose": ["Job", "quick"]},
            {"see": "✓ The run config is valid"},
            {"choose": ["Job", "configured"]},
            {"pick": "Assets"},
            {"fill": ["Assets", "report/*"]},
            {"see": "1 asset"},
            {"press": "Launch in Dagster"},
            {"see": "Materialized: 1"},
            {"picture": "right"},
        ]),
    )
}

/// A run that fails, and works when it is run again.
pub fn failure() -> Value {
    begun(
        true,
        json!([
            {"press": "Launch in Dagster"},
            {"see": "ValueError: the first time never works"},
            {"picture": "failed-run"},
            {"press": "Retry from failure"},
            {"see": "a retry of"},
            {"see": "Succeeded"},
            {"press": "Run again with the config above"},
            {"gone": "a retry of"},
            {"see": "ValueError: the first time never works"},
            {"picture": "retried"},
        ]),
    )
}

/// Cells that are stopped: one that follows a run, which goes on, and one that runs it here.
pub fn stopped() -> Value {
    begun(
        true,
        json!([
            {"see": "The run config is valid"},
            {"press": "Launch in Dagster"},
            {"see": "Stopping this cell does not cancel the run"},
            {"stop": true},
            {"see": "No longer followed: the run goes on in Dagster"},
            {"press": "Run in this process"},
            // Of the run in Dagster, the page shows no more.
            {"see": "wait - waited for 1 s"},
            {"stop": true},
            {"see": "Stopped"},
            {"picture": "stopped"},
        ]),
    )
}

/// A press that comes while the run of another one goes on launches nothing.
pub fn launched_twice() -> Value {
    begun(
        false,
        json!([
            {"see": "The run config is valid"},
            {"twice": "Launch in Dagster"},
            {"see": "Succeeded"},
            {"see": "1 of 1"},
            // A press that follows at once is taken for one that has waited.
            {"insist": ["Launch in Dagster", "Stopping this cell does not cancel the run"]},
            {"see": "2 of 2"},
            {"picture": "launched"},
        ]),
    )
}

/// The minimal template: an asset is materialized.
pub fn minimal(in_editor: bool) -> Value {
    begun(
        in_editor,
        json!([
            {"see": "1 asset"},
            {"press": "Launch in Dagster"},
            {"see": "Succeeded"},
            {"see": "Materialized: 1"},
            {"picture": "launched"},
        ]),
    )
}

/// The template for training: hyperparameters become run config, and metrics are compared.
pub fn training(in_editor: bool) -> Value {
    begun(
        in_editor,
        json!([
            {"fill": ["epochs", "5"]},
            {"press": "Write to the run config"},
            {"see": "epochs: 5"},
            {"see": "The run config is valid"},
            {"press": "Launch in Dagster"},
            {"see": "Succeeded"},
            {"see": "accuracy"},
            // What was sent for a job stays so.
            {"choose": ["Job", "quick"]},
            {"gone": "epochs: 5"},
            {"rest": true},
            {"choose": ["Job", "training"]},
            {"see": "epochs: 5"},
            {"rest": true},
            {"fill": ["epochs", "10"]},
            {"press": "Write to the run config"},
            {"see": "epochs: 10"},
            {"press": "Launch in Dagster"},
            {"see": "accuracy over runs"},
            {"open": "Write it"},
            {"fill": ["Intended use", "To be looked at."]},
            {"picture": "compared"},
        ]),
    )
}

/// The template for features: some are ticked and materialized, and their values are looked at.
pub fn features(in_editor: bool) -> Value {
    begun(
        in_editor,
        json!([
            {"see": "2 assets"},
            {"see": "What was ordered."},
            {"tick": 0},
            {"press": "Launch in Dagster"},
            {"see": "Materialized: 1"},
            // What is ticked stays so.
            {"insist": ["Launch in Dagster", "Stopping this cell does not cancel the run"]},
            {"see": "Materialized: 1"},
            {"press": "Run in this process"},
            {"see": "In process and in Dagster"},
            {"press": "Export"},
            {"see": "attached to"},
            {"picture": "materialized"},
        ]),
    )
}
