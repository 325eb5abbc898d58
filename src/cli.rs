//! The command line that CONTRACT promises.

mod ask;
mod buffer;
mod check;
mod client;
mod demo;
mod doctor;
mod serve;
mod sparkline;
mod table;

use crate::exit::Exit;
use clap::{Parser, Subcommand};

/// A pull-based distributed tracing collector and store.
#[derive(Parser, Debug)]
#[command(name = "sigyn", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// The server; the same as no command at all.
    Serve(serve::Serve),
    /// A sidecar: takes what an app pushes, keeps it in a file of fixed size, and waits to be scraped.
    Buffer(buffer::Buffer),
    /// Checks configuration files, or a span buffer.
    Check {
        #[command(subcommand)]
        what: check::Check,
    },
    /// A shop of instrumented services with traffic and faults, and a server that reads it.
    Demo(demo::Demo),
    /// Asks a server in TraceQL, prints a table or draws series.
    Query(ask::Query),
    /// Prints one trace of a server as a tree.
    Trace(ask::Trace),
    /// Checks every link from app to Grafana, and says how to mend what is missing.
    Doctor(doctor::Doctor),
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<(), Exit> {
        match self.command {
            None => self.serve.run(),
            Some(Command::Serve(serve)) => serve.run(),
            Some(Command::Buffer(buffer)) => buffer.run(),
            Some(Command::Check { what }) => what.run(),
            Some(Command::Demo(demo)) => demo.run(),
            Some(Command::Query(query)) => query.run(),
            Some(Command::Trace(trace)) => trace.run(),
            Some(Command::Doctor(doctor)) => doctor.run(),
        }
    }
}
