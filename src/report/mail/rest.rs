//! Where the rest of a report is that finds no room in a message.

/// Bytes of the report that is attached; a larger one is left out, and the message says so.
const ATTACHED_MAX: usize = 1 << 20;

/// What goes along with a message, and what has the whole report where it does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest<'a> {
    /// The report as JSON, if it goes along.
    pub(super) attached: Option<&'a str>,
    is_too_large: bool,
    command: &'static str,
}

impl<'a> Rest<'a> {
    /// Of a report as JSON, and the command that prints it.
    pub(super) fn of(json: Option<&'a str>, command: &'static str) -> Self {
        let attached = json.filter(|json| json.len() <= ATTACHED_MAX);
        Self { attached, is_too_large: attached.is_none() && json.is_some(), command }
    }

    /// Who has it: for the beginning of "… has the rest".
    pub(super) fn whereabouts(&self) -> String {
        match self.attached {
            Some(_) => format!("the attached JSON, or {},", self.command),
            None => self.command.to_owned(),
        }
    }

    /// A paragraph about what does not go along.
    pub(super) fn left_out(&self) -> String {
        if !self.is_too_large {
            return String::new();
        }
        format!("\nThe report as JSON is larger than 1 MiB and is not attached: {} has it.\n", self.command)
    }
}
