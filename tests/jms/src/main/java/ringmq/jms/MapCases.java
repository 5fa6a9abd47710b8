package ringmq.jms;

import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import javax.jms.MapMessage;
import javax.jms.MessageFormatException;
import javax.jms.MessageNotWriteableException;

/** Map messages: every type in and out, conversions, names. */
final class MapCases {
    private MapCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("map_extreme_values", MapCases::extremes),
                Case.of("map_conversions", MapCases::conversions),
                Case.of("map_objects", MapCases::objects),
                Case.of("map_names", MapCases::names),
                Case.of("map_absent_and_null", MapCases::absent),
                Case.of("map_read_only_until_cleared", MapCases::readOnly),
                Case.of("map_many_entries", MapCases::many));
    }

    private static void extremes(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        map.setByte("byte", Byte.MIN_VALUE);
        map.setShort("short", Short.MIN_VALUE);
        map.setInt("int", Integer.MIN_VALUE);
        map.setLong("long", Long.MIN_VALUE);
        map.setFloat("float", Float.MIN_VALUE);
        map.setDouble("double", -Double.MAX_VALUE);
        map.setDouble("nan", Double.NaN);
        map.setFloat("infinite", Float.NEGATIVE_INFINITY);
        map.setChar("char", '\uffff');
        map.setString("text", "Grüße 漢字 😀");
        map.setBytes("part", new byte[] {0, 1, 2, 3, 4}, 1, 3);
        MapMessage got = loop.pass(MapMessage.class, map);
        Check.equal(Byte.MIN_VALUE, got.getByte("byte"), "byte");
        Check.equal(Short.MIN_VALUE, got.getShort("short"), "short");
        Check.equal(Integer.MIN_VALUE, got.getInt("int"), "int");
        Check.equal(Long.MIN_VALUE, got.getLong("long"), "long");
        Check.equal(Float.MIN_VALUE, got.getFloat("float"), "float");
        Check.equal(-Double.MAX_VALUE, got.getDouble("double"), "double");
        Check.that(Double.isNaN(got.getDouble("nan")), "not a number");
        Check.equal(Float.NEGATIVE_INFINITY, got.getFloat("infinite"), "infinite");
        Check.equal('\uffff', got.getChar("char"), "char");
        Check.equal("Grüße 漢字 😀", got.getString("text"), "text");
        Check.equalBytes(new byte[] {1, 2, 3}, got.getBytes("part"), "part of an array");
    }

    private static void write(MapMessage map, Kind kind) throws Exception {
        String name = kind.name();
        switch (kind) {
            case BOOLEAN -> map.setBoolean(name, (Boolean) kind.value);
            case BYTE -> map.setByte(name, (Byte) kind.value);
            case SHORT -> map.setShort(name, (Short) kind.value);
            case INT -> map.setInt(name, (Integer) kind.value);
            case LONG -> map.setLong(name, (Long) kind.value);
            case FLOAT -> map.setFloat(name, (Float) kind.value);
            case DOUBLE -> map.setDouble(name, (Double) kind.value);
            case CHAR -> map.setChar(name, (Character) kind.value);
            case STRING -> map.setString(name, (String) kind.value);
            case BYTES -> map.setBytes(name, (byte[]) kind.value);
        }
    }

    private static Object read(MapMessage map, String name, Kind kind) throws Exception {
        return switch (kind) {
            case BOOLEAN -> map.getBoolean(name);
            case BYTE -> map.getByte(name);
            case SHORT -> map.getShort(name);
            case INT -> map.getInt(name);
            case LONG -> map.getLong(name);
            case FLOAT -> map.getFloat(name);
            case DOUBLE -> map.getDouble(name);
            case CHAR -> map.getChar(name);
            case STRING -> map.getString(name);
            case BYTES -> map.getBytes(name);
        };
    }

    private static void conversions(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        for (Kind kind : Kind.values()) {
            write(map, kind);
        }
        map.setString("word", "word");
        map.setString("true", "TRUE");
        MapMessage got = loop.pass(MapMessage.class, map);
        for (Kind stored : Kind.values()) {
            for (Kind asked : Kind.values()) {
                stored.expect(asked, kind -> read(got, stored.name(), kind));
            }
        }
        Check.thrown(NumberFormatException.class, () -> got.getInt("word"), "a word as a number");
        Check.equal(true, got.getBoolean("true"), "text as a boolean");
    }

    private static void objects(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        for (Kind kind : Kind.values()) {
            map.setObject(kind.name(), kind.value);
        }
        Check.thrown(MessageFormatException.class, () -> map.setObject("list", List.of()), "a type that JMS has not");
        MapMessage got = loop.pass(MapMessage.class, map);
        for (Kind kind : Kind.values()) {
            Kind.same(kind.value, got.getObject(kind.name()), "object " + kind);
            Kind.same(kind.value, read(got, kind.name(), kind), "typed " + kind);
        }
        Check.that(!got.itemExists("list"), "what was refused is not in the map");
    }

    private static void names(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        Set<String> expected = new TreeSet<>(List.of("a", "A", "with space", "Grüße", "😀", "x".repeat(300), "1"));
        for (String name : expected) {
            map.setString(name, "value of " + name);
        }
        map.setString("a", "written twice");
        Check.thrown(IllegalArgumentException.class, () -> map.setInt("", 1), "an empty name");
        Check.thrown(IllegalArgumentException.class, () -> map.setInt(null, 1), "no name");
        MapMessage got = loop.pass(MapMessage.class, map);
        Check.equal(expected, namesOf(got), "names");
        Check.equal("written twice", got.getString("a"), "the later value");
        Check.equal("value of A", got.getString("A"), "a name in capitals");
        Check.equal("value of Grüße", got.getString("Grüße"), "a name with umlauts");
    }

    private static Set<String> namesOf(MapMessage map) throws Exception {
        Set<String> names = new TreeSet<>();
        // The interface is older than types with parameters.
        for (Enumeration<?> all = map.getMapNames(); all.hasMoreElements();) {
            names.add((String) all.nextElement());
        }
        return names;
    }

    private static void absent(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        map.setString("null", null);
        map.setObject("null object", null);
        map.setString("empty", "");
        map.setBytes("no bytes", new byte[0]);
        MapMessage got = loop.pass(MapMessage.class, map);
        Check.that(got.itemExists("null") && got.itemExists("null object"), "null values exist");
        Check.absent(got.getString("null"), "null text");
        Check.absent(got.getObject("null object"), "null object");
        Check.equal("", got.getString("empty"), "empty text");
        Check.equal(0, got.getBytes("no bytes").length, "no bytes");
        Check.that(!got.itemExists("never"), "no item that was never set");
        Check.absent(got.getObject("never"), "an object that was never set");
        Check.equal(false, got.getBoolean("never"), "a boolean that was never set");
        Check.thrown(NumberFormatException.class, () -> got.getInt("never"), "a number that was never set");
        Check.thrown(NullPointerException.class, () -> got.getChar("never"), "a character that was never set");
    }

    private static void readOnly(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        map.setInt("one", 1);
        map.setStringProperty("kept", "yes");
        MapMessage got = loop.pass(MapMessage.class, map);
        Check.thrown(MessageNotWriteableException.class, () -> got.setInt("two", 2), "a received map");
        got.clearBody();
        Check.that(!got.itemExists("one"), "a cleared map is empty");
        got.setInt("two", 2);
        Check.equal(2, got.getInt("two"), "a cleared map takes values");
        Check.equal("yes", got.getStringProperty("kept"), "clearing the body keeps the properties");
    }

    private static void many(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        for (int i = 0; i < 1000; i++) {
            map.setInt("number " + i, i);
            map.setString("text " + i, "ü".repeat(i % 40));
        }
        MapMessage got = loop.pass(MapMessage.class, map);
        Check.equal(2000, namesOf(got).size(), "entries");
        for (int i = 0; i < 1000; i++) {
            Check.equal(i, got.getInt("number " + i), "number " + i);
            Check.equal("ü".repeat(i % 40), got.getString("text " + i), "text " + i);
        }
    }
}
