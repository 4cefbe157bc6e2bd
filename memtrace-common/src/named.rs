//! Enums whose variants have a name and a meaning in every output.

/// Declares an enum with its names and meanings. The numbers of the variants are those of the trace file, so a new
/// variant goes to the end.
macro_rules! named {
    ($(#[$meta:meta])* $Enum:ident { $($(#[doc = $doc:literal])+ $id:ident = $name:literal;)+ }) => {
        $(#[$meta])*
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Enum {
            $($(#[doc = $doc])+ $id,)+
        }

        impl $Enum {
            /// Number of variants.
            pub const COUNT: usize = [$($name),+].len();
            /// All variants, in the order of the outputs and of the trace file.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$id),+];

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
pub(crate) use named;
