//! A picture before it is written: shapes in roles, in pixels from the left and the top.

/// What a shape is for; a palette or a style sheet gives it its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Words that name something.
    Text,
    /// Numbers and times beside.
    Dim,
    /// Ground lines.
    Grid,
    /// Lines that are visible in the log.
    Visible,
    /// Lines that were suppressed.
    Suppressed,
    /// Packets lost by the kernel's counters.
    Lost,
    /// Entries of the table.
    Entries,
    /// The limit.
    Limit,
    /// Where the first line stands.
    Mark,
}

/// On which side of its place a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It ends there.
    End,
}

/// A shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled rectangle: left, top, width, height.
    Rect(Role, f64, f64, f64, f64),
    /// A line through points.
    Line(Role, Vec<(f64, f64)>),
    /// A text at left and base line.
    Text(Role, f64, f64, Anchor, String),
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Pixels.
    pub width: f64,
    /// Pixels.
    pub height: f64,
    /// What it shows, for those who do not see it.
    pub title: String,
    /// What the strips show, from above: each in its role's colour. Empty where the words stand in the picture.
    pub keys: Vec<(Role, String)>,
    /// When it begins and ends, where the words do not stand in the picture.
    pub ends: Option<(String, String)>,
    /// Shapes, the lowest first.
    pub shapes: Vec<Shape>,
}
