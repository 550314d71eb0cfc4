//! A drawing as SVG.

use std::fmt::Write as _;

use super::super::html::escape::text as escape;
use super::drawing::{Anchor, Drawing, Role, Shape};

/// How shapes get their colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// By classes `c-…`, for a page with a style sheet.
    Classes,
    /// By colours on white, for whatever knows no style sheet.
    Colours,
}

impl Role {
    /// Class and colour on white.
    fn looks(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("c-text", "#1c2024"),
            Self::Dim => ("c-dim", "#57606a"),
            Self::Grid => ("c-grid", "#d0d7de"),
            Self::Visible => ("c-visible", "#b3261e"),
            Self::Suppressed => ("c-suppressed", "#d98324"),
            Self::Lost => ("c-lost", "#8a1c6b"),
            Self::Entries => ("c-entries", "#2563a8"),
            Self::Limit => ("c-limit", "#57606a"),
            Self::Mark => ("c-mark", "#b3261e"),
        }
    }
}

/// The picture as an `svg` element.
pub fn write(drawing: &Drawing, paint: Paint, class: &str) -> String {
    let (width, height) = (drawing.width, drawing.height);
    let title = escape(&drawing.title);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\" font-size=\"12\" \
         font-family=\"system-ui, sans-serif\">"
    );
    if paint == Paint::Colours {
        let _ = write!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>");
    }
    for shape in &drawing.shapes {
        shape_into(&mut out, shape, paint);
    }
    out.push_str("</svg>");
    out
}

fn shape_into(out: &mut String, shape: &Shape, paint: Paint) {
    let coloured = |role: Role, how: &str| match paint {
        Paint::Classes => format!("class=\"{} {how}\"", role.looks().0),
        Paint::Colours => format!("{how}=\"{}\"", role.looks().1),
    };
    let _ = match shape {
        Shape::Rect(role, x, y, w, h) => write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" {}/>",
            coloured(*role, "fill")
        ),
        Shape::Line(role, points) => {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            write!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke-width=\"1.5\" {}/>",
                points.join(" "),
                coloured(*role, "stroke")
            )
        }
        Shape::Text(role, x, y, anchor, text) => {
            let anchor = if *anchor == Anchor::End { " text-anchor=\"end\"" } else { "" };
            write!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.1}\"{anchor} {}>{}</text>",
                coloured(*role, "fill"),
                escape(text)
            )
        }
    };
}
