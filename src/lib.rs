//! conntriage: who filled the connection-tracking table, how, since when, what it cost, what fixes it, and which popular
//! fix will not help here.
//!
//! # Bird's eye
//!
//! Bytes come in at the edge and leave at the edge. Between the two doors there are only values.
//!
//! ```text
//! logs    bytes → records → pieces ──join──▶ streams ──conclude──▶ incidents ─┐
//!                                                                             ├─▶ diagnosis ─▶ report view ─▶ text, Markdown, HTML, JSON
//! tables  bytes → flows ───────────fold─────────────────────────▶ census ─────┘
//! ```
//!
//! - *Logs.* Each record gives a small piece: what it says as written, nothing inferred. Pieces of one stream join in byte
//!   order; the join is associative, so a big file is read in parts on all cores. Only [`detect::conclude`] sees the set
//!   of all streams, and there, once, everything is inferred: hosts, years, zones, boots, copies, incidents.
//! - *Tables.* Two looks: who (every flow once) and how (the leaders exactly). See [`census`].
//! - *Both* meet in [`diagnose`], which speaks in [`model::sentence`] values; [`report`] spells them.
//!
//! # Rooms and arrows
//!
//! | room | may use | what lives there |
//! |---|---|---|
//! | [`model`] | nothing | nouns and the field's constants |
//! | [`parse`] | model | bytes → values; one file per dialect |
//! | [`wire`] | model | our own formats, versioned; the only serde |
//! | [`detect`] | model | records → runs → incidents |
//! | [`census`] | model | flows → census |
//! | [`diagnose`] | model | which table fits, what caused it, what helps; one file per cause |
//! | [`steer`] | model | event + time → intents: what is captured, kept, told, when; pure policy |
//! | [`report`] | model | the report view → text, Markdown, HTML; charts |
//! | [`edge`] | model, parse, wire | files, threads, terminal, clock: the only room that touches the world |
//! | [`cli`] | model | arguments → plan, exit codes |
//! | [`app`] | all | wiring |
//!
//! A new dialect is one file in `parse`, a new cause one file in `diagnose/causes`, a new format for people one file in
//! `report`. `tests/architecture.rs` fails on an arrow that runs another way.
//!
//! # Absences
//!
//! - No parser fails or panics on any bytes: it gives values and blemishes.
//! - No room but `edge` (and `app`, `main`) opens, waits, asks the time, or prints.
//! - Every collection that input can grow has a named bound.
//! - Nothing is inferred before all inputs are seen; the order of inputs and threads, and an input given twice, change
//!   nothing.
//! - A missing fact is a missing fact, with the reason, and never a zero.

#[macro_use]
pub mod model;

pub mod parse;

pub mod wire;

pub mod detect;

pub mod census;

pub mod diagnose;

pub mod steer;

pub mod report;

#[allow(clippy::disallowed_methods, reason = "the one room that touches the world")]
pub mod edge;

pub mod cli;

pub mod app;
