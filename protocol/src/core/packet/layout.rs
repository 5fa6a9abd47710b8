//! The two tables packets are made of: `layout!` declares a packet's fields, `packets!` which type number is which packet.
//!
//! A field's line is its type; `[since V]` ties it to a connection version, `[if more]` to bytes being left in the frame. Reading,
//! writing and the names in errors all come from that one line, so that they cannot drift apart.

/// Declares a packet as a struct whose fields stand on the wire in this order.
macro_rules! layout {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? {
        $($(#[$field_doc:meta])* $field:ident : $type:ty $([$($when:tt)+])?;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl<'a> $crate::core::wire::Wire<'a> for $name $(<$life>)? {
            fn read(
                reader: &mut $crate::core::cursor::Reader<'a>,
                version: $crate::core::version::Version,
            ) -> Result<Self, $crate::core::cursor::CursorError> {
                $(let $field: $type = layout!(@read reader version $type, $($($when)+)?)
                    .map_err(|error| error.in_field(stringify!($field)))?;)*
                Ok($name { $($field),* })
            }

            fn write(
                &self,
                writer: &mut $crate::core::cursor::Writer<'_>,
                version: $crate::core::version::Version,
            ) {
                $(layout!(@write self.$field, writer version $($($when)+)?);)*
            }
        }
    };

    (@read $reader:ident $version:ident $type:ty,) => {
        <$type as $crate::core::wire::Wire>::read($reader, $version)
    };
    (@read $reader:ident $version:ident $type:ty, since $since:expr) => {
        if $version >= $since {
            <$type as $crate::core::wire::Wire>::read($reader, $version)
        } else {
            Ok(<$type>::default())
        }
    };
    (@read $reader:ident $version:ident $type:ty, if more) => {
        if $reader.is_empty() { Ok(None) } else { $crate::core::wire::Wire::read($reader, $version).map(Some) }
    };

    (@write $value:expr, $writer:ident $version:ident) => {
        $crate::core::wire::Wire::write(&$value, $writer, $version)
    };
    (@write $value:expr, $writer:ident $version:ident since $since:expr) => {
        if $version >= $since {
            $crate::core::wire::Wire::write(&$value, $writer, $version);
        }
    };
    (@write $value:expr, $writer:ident $version:ident if more) => {
        if let Some(value) = &$value {
            $crate::core::wire::Wire::write(value, $writer, $version);
        }
    };
}

/// Declares the packet types: the enum, the numbers, who sends them, and the way from one to the other.
///
/// `empty` packets have no fields; `plain` ones have a layout of their own; `formed` ones share a struct between several type
/// numbers, told apart by its `form` field.
macro_rules! packets {
    (
        empty { $($(#[$empty_doc:meta])* $empty:ident $empty_type:ident = $empty_number:literal $empty_sender:ident;)* }
        plain { $($(#[$plain_doc:meta])* $plain:ident($body:ty) $plain_type:ident = $plain_number:literal $plain_sender:ident;)* }
        formed { $($(#[$formed_doc:meta])* $formed:ident($formed_body:ty) $form:ident $formed_sender:ident {
            $($variant:ident $formed_type:ident = $formed_number:literal;)*
        })* }
    ) => {
        /// A packet, borrowing from the frame it came in.
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub enum Packet<'a> {
            $($(#[$empty_doc])* $empty,)*
            $($(#[$plain_doc])* $plain($body),)*
            $($(#[$formed_doc])* $formed($formed_body),)*
            /// A type this codec does not know. It survives as it came.
            Unknown {
                /// The type number.
                packet_type: PacketType,
                /// The fields.
                body: &'a [u8],
            },
        }

        impl PacketType {
            $(#[doc = stringify!($empty)] pub const $empty_type: PacketType = PacketType($empty_number);)*
            $(#[doc = stringify!($plain)] pub const $plain_type: PacketType = PacketType($plain_number);)*
            $($(#[doc = stringify!($formed)] pub const $formed_type: PacketType = PacketType($formed_number);)*)*

            /// Every type that has a name.
            pub const ALL: &'static [PacketType] = &[
                $(PacketType::$empty_type,)* $(PacketType::$plain_type,)* $($(PacketType::$formed_type,)*)*
            ];

            /// The name in the protocol, if the number has one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($empty_number => Some(stringify!($empty_type)),)*
                    $($plain_number => Some(stringify!($plain_type)),)*
                    $($($formed_number => Some(stringify!($formed_type)),)*)*
                    _ => None,
                }
            }

            /// Who may send it; both may for a number without a name.
            pub fn sender(self) -> Sender {
                match self.0 {
                    $($empty_number => Sender::$empty_sender,)*
                    $($plain_number => Sender::$plain_sender,)*
                    $($($formed_number => Sender::$formed_sender,)*)*
                    _ => Sender::Both,
                }
            }
        }

        impl<'a> Packet<'a> {
            /// The type number it travels under.
            pub fn packet_type(&self) -> PacketType {
                match self {
                    $(Packet::$empty => PacketType::$empty_type,)*
                    $(Packet::$plain(_) => PacketType::$plain_type,)*
                    $(Packet::$formed(packet) => match packet.form {
                        $($form::$variant => PacketType::$formed_type,)*
                    },)*
                    Packet::Unknown { packet_type, .. } => *packet_type,
                }
            }

            fn read(
                packet_type: PacketType,
                reader: &mut Reader<'a>,
                version: Version,
            ) -> Result<Packet<'a>, CursorError> {
                match packet_type.0 {
                    $($empty_number => Ok(Packet::$empty),)*
                    $($plain_number => Wire::read(reader, version).map(Packet::$plain),)*
                    $($($formed_number => <$formed_body>::read(reader, version, $form::$variant).map(Packet::$formed),)*)*
                    _ => Ok(Packet::Unknown { packet_type, body: reader.rest() }),
                }
            }

            fn write(&self, writer: &mut Writer<'_>, version: Version) {
                match self {
                    $(Packet::$empty => {})*
                    $(Packet::$plain(packet) => packet.write(writer, version),)*
                    $(Packet::$formed(packet) => packet.write(writer, version),)*
                    Packet::Unknown { body, .. } => writer.bytes(body),
                }
            }
        }
    };
}

pub(super) use {layout, packets};
