//! The tracefs `format` file of an event: names, offsets and sizes of the fields of its record.

use memtrace_common::field::ArgSource;

/// The fields of one event's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    fields: Vec<(String, ArgSource)>,
}

impl Format {
    /// Parses the text of a `format` file. Lines that are not fields are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self { fields: text.lines().filter_map(field).collect() }
    }

    /// Place of a field in the record; [`ArgSource::UNREAD`] when this kernel's event has no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> ArgSource {
        self.fields.iter().find(|(n, _)| n == name).map_or(ArgSource::UNREAD, |(_, field)| *field)
    }
}

/// One line such as `field:int order; offset:8; size:4; signed:1;`, with tabs between the parts.
fn field(line: &str) -> Option<(String, ArgSource)> {
    let declaration = line.trim_start().strip_prefix("field:")?;
    let (declaration, rest) = declaration.split_once(';')?;
    let number =
        |key: &str| -> Option<u16> { rest.split(';').find_map(|part| part.trim().strip_prefix(key))?.parse().ok() };
    let name = declaration.rsplit([' ', '\t']).next()?.split('[').next()?;
    Some((name.to_owned(), ArgSource { at: number("offset:")?, size: number("size:")? }))
}

#[cfg(test)]
mod tests {
    use memtrace_common::field::ArgSource;

    use super::Format;

    #[test]
    fn reads_plain_array_and_data_loc_fields() {
        let format = Format::parse(
            "name: mark_victim\nID: 5\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
             \tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\
             \tfield:__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:0;\n\
             \tfield:unsigned long total_vm;\toffset:32;\tsize:8;\tsigned:0;\n\nprint fmt: \"%s\", REC->comm\n",
        );
        assert_eq!(format.field("comm"), ArgSource { at: 8, size: 16 });
        assert_eq!(format.field("name"), ArgSource { at: 24, size: 4 });
        assert_eq!(format.field("total_vm"), ArgSource { at: 32, size: 8 });
        assert_eq!(format.field("order"), ArgSource::UNREAD);
    }

    #[test]
    fn damaged_lines_are_passed_over() {
        let format =
            Format::parse("\tfield:int order;\toffset:x;\tsize:4;\n\tfield:int\nfield:;\n\tfield:int nid;\tsize:4;");
        assert_eq!(format, Format::default());
    }
}
