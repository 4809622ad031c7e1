//! One switch that ends a command, thrown by a signal.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Error, guard};
use crate::error::ExitStatus;

/// Why a command was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM or SIGHUP, or the guard is gone.
    Terminate,
}

impl Reason {
    /// The exit code a shell expects.
    pub fn exit_status(self) -> ExitStatus {
        match self {
            Self::Interrupt => ExitStatus::Interrupted,
            Self::Terminate => ExitStatus::Terminated,
        }
    }
}

/// Tells whoever holds a clone that the command is to end.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<Option<Reason>>);

impl Cancel {
    /// Listens for SIGINT, SIGTERM, SIGHUP and the end of the guard from now on.
    pub fn on_signals() -> Result<Self, Error> {
        let (sender, receiver) = watch::channel(None);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::System)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::System)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(Error::System)?;
        tokio::spawn(async move {
            let reason = tokio::select! {
                _ = interrupt.recv() => Reason::Interrupt,
                _ = terminate.recv() => Reason::Terminate,
                _ = hangup.recv() => Reason::Terminate,
                () = guard::gone() => Reason::Terminate,
            };
            // Every receiver gone means that the command has ended already.
            let _ = sender.send(Some(reason));
            // Kept so that the receivers stay valid.
            std::future::pending::<()>().await;
        });
        Ok(Self(receiver))
    }

    /// A switch that nobody throws: signals end the process as they do by themselves.
    pub fn never() -> Self {
        Self(watch::channel(None).1)
    }

    /// Why the command was cancelled, if it was.
    pub fn reason(&self) -> Option<Reason> {
        *self.0.borrow()
    }

    /// Waits for the switch; for ever, if it is never thrown.
    pub async fn cancelled(&self) -> Reason {
        let mut receiver = self.0.clone();
        loop {
            if let Some(reason) = *receiver.borrow_and_update() {
                return reason;
            }
            if receiver.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
