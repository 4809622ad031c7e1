//! The log: what daglab says on stderr about its own work.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::model::LogLevel;
use crate::ui;

/// The log that was started.
#[derive(Debug)]
pub struct Log {
    /// The way to its filter, unless a flag or `DAGLAB_LOG` has chosen one.
    open: Option<reload::Handle<EnvFilter, Registry>>,
}

impl Log {
    /// Starts it, before settings are read. `level` is what flags choose; `DAGLAB_LOG` wins.
    pub fn start(level: Option<&str>) -> Self {
        let variable = EnvFilter::try_from_env("DAGLAB_LOG").ok();
        let chosen = variable.is_some() || level.is_some();
        let filter = variable.unwrap_or_else(|| level.unwrap_or("warn").into());
        let (filter, handle) = reload::Layer::new(filter);
        let lines = fmt::layer()
            .with_writer(ui::runner::Stderr::new)
            .with_ansi(ui::style::wants_color(&std::io::stderr()))
            .without_time()
            .with_target(false);
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .init();
        Self {
            open: (!chosen).then_some(handle),
        }
    }

    /// None at all.
    #[cfg(test)]
    pub fn none() -> Self {
        Self { open: None }
    }

    /// Follows `logging.level`, where nothing stronger was said.
    pub fn follow(&self, level: LogLevel) {
        let filter = match level {
            LogLevel::Debug => "daglab=debug",
            LogLevel::Info => "daglab=info",
            LogLevel::Warning => "warn",
            LogLevel::Error => "error",
        };
        if let Some(handle) = &self.open {
            // The log lives as long as the program.
            let _ = handle.reload(filter);
        }
    }
}
