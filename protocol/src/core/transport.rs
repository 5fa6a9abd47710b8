//! A transport configuration: how to reach a node, as topology and redirect packets carry it.
//!
//! Gives host and port out of the parameters; anything else is kept and passed on.

use std::fmt;

use super::cursor::{CursorError, Expected, Reader, Writer};
use super::list::{List, ListItem};
use super::text::Text;
use super::version::Version;
use super::wire::Wire;
use crate::limits;

/// The connector factory that every client has and instantiates by this name.
pub const CONNECTOR_FACTORY: &str = "org.apache.activemq.artemis.core.remoting.impl.netty.NettyConnectorFactory";

/// The port of a configuration that names none.
pub const DEFAULT_PORT: u16 = 61616;

/// How to reach a node.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TransportConfiguration<'a> {
    /// The label of the connector in the node's configuration.
    pub name: Text<'a>,
    /// The class that the client instantiates, [`CONNECTOR_FACTORY`].
    pub factory: Text<'a>,
    /// Host, port and the rest.
    pub parameters: List<'a, Parameter<'a>>,
}

impl<'a> TransportConfiguration<'a> {
    /// The value of a parameter.
    pub fn parameter(&self, key: &str) -> Option<ParameterValue<'a>> {
        self.parameters.iter().find(|parameter| parameter.key == *key).map(|parameter| parameter.value)
    }

    /// The host in text form; `localhost` when none is named.
    pub fn host(&self) -> String {
        self.parameter("host").map_or_else(|| "localhost".to_owned(), |value| value.to_string())
    }

    /// The port, which comes as text or as a number; nothing when it is neither or out of range.
    pub fn port(&self) -> Option<u16> {
        match self.parameter("port") {
            None => Some(DEFAULT_PORT),
            Some(value) => value.to_string().parse().ok(),
        }
    }
}

impl<'a> Wire<'a> for TransportConfiguration<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let name = Text::read(reader, version).map_err(|error| error.in_field("connector name"))?;
        let factory = Text::read(reader, version).map_err(|error| error.in_field("connector factory"))?;
        let parameters = List::read(reader, version).map_err(|error| error.in_field("connector parameters"))?;
        Ok(TransportConfiguration { name, factory, parameters })
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.name.write(writer, version);
        self.factory.write(writer, version);
        self.parameters.write(writer, version);
    }
}

/// One parameter of a transport configuration.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Parameter<'a> {
    /// Its name.
    pub key: Text<'a>,
    /// Its value.
    pub value: ParameterValue<'a>,
}

/// The value of a parameter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ParameterValue<'a> {
    /// Type 0.
    Bool(bool),
    /// Type 1.
    Int(i32),
    /// Type 2.
    Long(i64),
    /// Type 3.
    Text(Text<'a>),
}

impl fmt::Display for ParameterValue<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterValue::Bool(value) => fmt::Display::fmt(value, out),
            ParameterValue::Int(value) => fmt::Display::fmt(value, out),
            ParameterValue::Long(value) => fmt::Display::fmt(value, out),
            ParameterValue::Text(value) => fmt::Display::fmt(value, out),
        }
    }
}

impl<'a> Wire<'a> for Parameter<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let key = Text::read(reader, version)?;
        let start = reader.clone();
        let value = match reader.i8()? {
            0 => ParameterValue::Bool(reader.bool()?),
            1 => ParameterValue::Int(reader.i32()?),
            2 => ParameterValue::Long(reader.i64()?),
            3 => ParameterValue::Text(Text::read(reader, version)?),
            found => return Err(start.error(Expected::KnownTag { found })),
        };
        Ok(Parameter { key, value })
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.key.write(writer, version);
        match self.value {
            ParameterValue::Bool(value) => {
                writer.i8(0);
                value.write(writer, version);
            }
            ParameterValue::Int(value) => {
                writer.i8(1);
                writer.i32(value);
            }
            ParameterValue::Long(value) => {
                writer.i8(2);
                writer.i64(value);
            }
            ParameterValue::Text(value) => {
                writer.i8(3);
                value.write(writer, version);
            }
        }
    }
}

impl<'a> ListItem<'a> for Parameter<'a> {
    const COUNT_MAX: usize = limits::TRANSPORT_PARAMETERS_MAX;
}
