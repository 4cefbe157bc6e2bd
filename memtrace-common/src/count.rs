//! Counts: exact numbers of the whole host that a hook counts and that belong to no stall.
//!
//! A count is declared here once. The totals, the trace file and JSON carry every count of [`Count::ALL`]. The catalogue of
//! hooks names the hook that counts it; without that hook it is unknown, never 0.

/// Declares the counts: name in every output, and meaning.
macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $id:ident = $name:literal;)+) => {
        /// A number that a hook counts. The positions are those of the trace file: a new count goes to the end.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Count {
            $($(#[doc = $doc])+ $id,)+
        }

        impl Count {
            /// All counts, in the order of the outputs and of the trace file.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$id),+];

            /// The name in every output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$id => $name,)+ }
            }

            /// The meaning, for a schema.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$id => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

counts! {
    /// Calls of the OOM killer: one may have several victims, or none that was left to kill.
    OomCalls = "oom_calls";
}

impl Count {
    /// Number of counts.
    pub const COUNT: usize = Self::ALL.len();
}
