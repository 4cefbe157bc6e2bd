//! A condition under which two sides may be compared.

/// Something that could make a comparison one of something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Name in every output.
    pub name: &'static str,
    /// Value; `None` where there is none, or it is not known.
    pub value: Option<f64>,
    /// Limit that the value must not exceed.
    pub limit: f64,
    /// True when it does.
    pub tripped: bool,
    /// Consequence, for a person.
    pub text: String,
}
