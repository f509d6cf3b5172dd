import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DoubleValue;
import com.google.protobuf.Int32Value;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import com.google.protobuf.Timestamp;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * RideProducer sends rides as the libraries of their formats write them: Avro's and Protobuf's own, Jackson. It shares nothing with what
 * reads them, and gives an account of what it meant.
 *
 * <p>Arguments: brokers, the registry's URL, a topic, its number of partitions, a seed, the directory of the schemas. Orders come as lines:
 * {@code register V} registers the schemas of version V; {@code send V N} sends N records of that version's shapes by turns (V may be 1,2). For each record
 * that the broker acknowledged it prints a line of JSON, and for each order one line {"done": ORDER} at its end. It ends with its input.
 */
public final class RideProducer {
  private static final ObjectMapper JSON = new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

  /** The one schema that another refers to: by which name, and its file. */
  private static final Map<String, String[]> REFERENCES = Map.of(
      "green_v2.avsc", new String[] {"nyc.zones.Zone", "zone.avsc"},
      "minimal_v2.proto", new String[] {"zones/zone.proto", "zones/zone.proto"},
      "minimal_v2.descriptor", new String[] {"zones/zone.proto", "zones/zone.descriptor"});

  /** Schemas that are registered as Confluent's serializer in Python does it: the descriptor of generated code, in base64. */
  private static final Map<String, FileDescriptor> DESCRIPTORS = Map.of(
      "yellow_v2.descriptor", v2.Fleet.getDescriptor().getFile(),
      "minimal_v2.descriptor", minimal.Ride.getDescriptor().getFile(),
      "zones/zone.descriptor", zones.Zone.getDescriptor().getFile());

  private final String registry;
  private final String topic;
  private final int partitions;
  private final Random random;
  private final Path schemas;
  private final Map<String, Integer> ids = new HashMap<>();
  private final HttpClient http = HttpClient.newHttpClient();
  private final KafkaProducer<byte[], byte[]> kafka;
  private final GenericData avro = new GenericData();
  private int sent;

  private RideProducer(String[] args) {
    registry = args[1];
    topic = args[2];
    partitions = Integer.parseInt(args[3]);
    random = new Random(Long.parseLong(args[4]));
    schemas = Path.of(args[5]);
    Properties p = new Properties();
    p.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    p.put(ProducerConfig.LINGER_MS_CONFIG, "5");
    p.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "gzip"); // Java's own
    kafka = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    avro.addLogicalTypeConversion(new Conversions.DecimalConversion());
    avro.addLogicalTypeConversion(new TimeConversions.DateConversion());
    avro.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
    avro.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    avro.addLogicalTypeConversion(new TimeConversions.LocalTimestampMillisConversion());
    avro.addLogicalTypeConversion(new TimeConversions.LocalTimestampMicrosConversion());
  }

  public static void main(String[] args) throws Exception {
    RideProducer producer = new RideProducer(args);
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      String[] words = order.split(" ");
      switch (words[0]) {
        case "register" -> producer.register(words[1]);
        case "send" -> producer.send(words[1], Integer.parseInt(words[2]));
        default -> throw new IllegalArgumentException(order);
      }
      say(JSON.createObjectNode().put("done", order));
    }
    producer.kafka.close();
  }

  private static synchronized void say(ObjectNode line) {
    System.out.println(line);
    System.out.flush();
  }

  // What is sent.

  /** A way to write a ride. */
  private record Shape(String name, String version, Writer writer) {}

  /** Writes a ride as a record's value, and says in the account what was meant. */
  private interface Writer {
    byte[] write(Ride ride, Account account) throws Exception;
  }

  private List<Shape> shapes() {
    return List.of(
        new Shape("avro", "1", this::avroV1),
        new Shape("json schema", "1", (ride, account) -> framed(json("yellow_v1.json"), jsonV1(ride, account))),
        new Shape("protobuf, index [1]", "1", this::protobufV1),
        new Shape("json", "1", this::jsonV1),
        new Shape("avro", "2", this::avroV2),
        new Shape("avro, green", "2", this::avroGreen),
        new Shape("json schema", "2", this::jsonV2),
        new Shape("protobuf, index [1]", "2", this::protobufV2),
        new Shape("protobuf, index [2, 1]", "2", this::protobufGreen),
        new Shape("protobuf, index [0]", "2", (ride, account) -> framed(proto("minimal_v2.proto"), new byte[] {0}, minimal(ride, account))),
        new Shape("protobuf, index [0] in full", "2", (ride, account) -> framed(proto("minimal_v2.descriptor"), new byte[] {2, 0}, minimal(ride, account))),
        new Shape("json", "2", this::jsonV1),
        new Shape("tombstone", "1", (ride, account) -> null),
        new Shape("tombstone", "2", (ride, account) -> null));
  }

  private void register(String version) throws Exception {
    id("key.avsc", "AVRO");
    id("long", "AVRO");
    for (Shape shape : shapes()) {
      if (shape.version.equals(version)) {
        shape.writer.write(new Ride(random), new Account()); // the first of a schema registers it
      }
    }
  }

  private void send(String versions, int records) throws Exception {
    List<Shape> shapes = new ArrayList<>(shapes());
    shapes.removeIf(shape -> !List.of(versions.split(",")).contains(shape.version));
    for (int i = 0; i < records; i++) {
      Shape shape = shapes.get(i % shapes.size());
      Ride ride = new Ride(random);
      Account account = new Account();
      byte[] value = shape.writer.write(ride, account);
      long timestamp = LocalDateTime.of(2020, 8, 1, 0, 0).toInstant(ZoneOffset.UTC).toEpochMilli() + sent++;
      kafka.send(new ProducerRecord<>(topic, random.nextInt(partitions), timestamp, key(ride), value), (metadata, error) -> {
        if (error != null) {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
        }
        say(account.line(shape.name + ", version " + shape.version, metadata.partition(), metadata.offset(), value == null));
      });
    }
    kafka.flush();
  }

  /** A key as text, none, or one in a schema, by chance. */
  private byte[] key(Ride ride) throws Exception {
    return switch (random.nextInt(4)) {
      case 0 -> null;
      case 1 -> framed(id("long", "AVRO"), avroBytes(Schema.create(Schema.Type.LONG), (long) ride.pickupLocation));
      case 2 -> {
        Schema schema = new Schema.Parser().parse(text("key.avsc"));
        yield framed(id("key.avsc", "AVRO"), avroBytes(schema, new GenericRecordBuilder(schema).set("PULocationID", ride.pickupLocation).build()));
      }
      default -> Integer.toString(ride.pickupLocation).getBytes(StandardCharsets.UTF_8);
    };
  }

  /** What happened, before a format is chosen. */
  private static final class Ride {
    final int vendor;
    final LocalDateTime pickup;
    final LocalDateTime dropoff;
    final Integer passengers; // null: nobody counted
    final int pickupLocation;
    final int dropoffLocation;
    final double distance;
    final String flag; // null: not noted
    final BigDecimal fare;
    final BigDecimal tip; // null: none
    final BigDecimal total;
    final int number;

    Ride(Random random) {
      number = random.nextInt(1000);
      vendor = 1 + random.nextInt(2);
      LocalDateTime begin = LocalDateTime.of(1969, 12, 31, 23, 0).plusSeconds(random.nextInt(2_000_000_000)).plusNanos(random.nextInt(1_000_000_000));
      pickup = number % 3 == 0 ? begin.truncatedTo(ChronoUnit.MINUTES) : begin; // text without seconds is what Java then prints
      dropoff = pickup.plusSeconds(60 + random.nextInt(3600));
      passengers = number % 5 == 0 ? null : random.nextInt(7);
      pickupLocation = 1 + random.nextInt(265);
      dropoffLocation = 1 + random.nextInt(265);
      distance = number % 2 == 0 ? random.nextInt(5000) / 100.0 : random.nextDouble() * 50;
      flag = number % 7 == 0 ? null : number % 2 == 0 ? "Y" : "N";
      fare = BigDecimal.valueOf(random.nextInt(20_000) - 500, 2);
      tip = number % 4 == 0 ? null : BigDecimal.valueOf(random.nextInt(2000), 2);
      total = fare.add(BigDecimal.valueOf(380, 2));
    }
  }

  /** What must stand in PostgreSQL: columns as Java prints the values, and the fields that no column is for. */
  private static final class Account {
    private final ObjectNode columns = JSON.createObjectNode();
    private final ObjectNode extra = JSON.createObjectNode();

    Account set(String column, Object value) {
      if (value != null) {
        columns.put(column, value.toString());
      }
      return this;
    }

    Account decimal(String column, BigDecimal value) {
      return set(column, value == null ? null : value.toPlainString());
    }

    /** A binary fraction: the shortest decimal that reads back as the same. Double.toString of Java 17 prints more now and then. */
    Account real(String column, double value) {
      int digits = 1;
      while (shortened(value, digits).doubleValue() != value) {
        digits++;
      }
      return decimal(column, plain(shortened(value, digits)));
    }

    Account real(String column, float value) {
      int digits = 1;
      while (shortened(value, digits).floatValue() != value) {
        digits++;
      }
      return decimal(column, plain(shortened(value, digits)));
    }

    private static BigDecimal shortened(double value, int digits) {
      return new BigDecimal(value).round(new MathContext(digits, RoundingMode.HALF_EVEN));
    }

    private static BigDecimal plain(BigDecimal value) {
      BigDecimal stripped = value.stripTrailingZeros();
      return stripped.scale() < 0 ? stripped.setScale(0) : stripped;
    }

    ObjectNode line(String shape, int partition, long offset, boolean tombstone) {
      ObjectNode line = JSON.createObjectNode().put("shape", shape).put("partition", partition).put("offset", offset).put("tombstone", tombstone);
      line.set("columns", columns);
      line.set("extra", extra);
      return line;
    }
  }

  // Avro.

  private byte[] avroBytes(Schema schema, Object value) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = random.nextBoolean()
        ? EncoderFactory.get().binaryEncoder(out, null)
        : new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(out, null); // lists in blocks that say their size
    new GenericDatumWriter<>(schema, avro).write(value, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  private byte[] avroV1(Ride ride, Account account) throws Exception {
    Schema schema = new Schema.Parser().parse(text("yellow_v1.avsc"));
    LocalDateTime pickup = ride.pickup.truncatedTo(ChronoUnit.MILLIS);
    LocalDateTime dropoff = ride.dropoff.truncatedTo(ChronoUnit.MILLIS);
    Double tip = ride.tip == null ? null : Double.valueOf(ride.number % 11 == 0 ? Double.NaN : ride.tip.doubleValue());
    Object value = new GenericRecordBuilder(schema)
        .set("VendorID", ride.vendor)
        .set("tpep_pickup_datetime", pickup.toInstant(ZoneOffset.UTC))
        .set("tpep_dropoff_datetime", dropoff.toInstant(ZoneOffset.UTC))
        .set("passenger_count", ride.passengers)
        .set("trip_distance", ride.distance)
        .set("RatecodeID", (long) ride.vendor)
        .set("store_and_fwd_flag", ride.flag)
        .set("PULocationID", ride.pickupLocation)
        .set("DOLocationID", ride.dropoffLocation)
        .set("payment_type", 4L)
        .set("fare_amount", ride.fare.doubleValue())
        .set("tip_amount", tip)
        .set("total_amount", ride.total.doubleValue())
        .build();
    yellow(ride, account, pickup, dropoff).set("passenger_count", ride.passengers).set("rate_code_id", ride.vendor).set("payment_type", 4)
        .set("store_and_fwd_flag", ride.flag).real("trip_distance", ride.distance).real("fare_amount", ride.fare.doubleValue())
        .real("total_amount", ride.total.doubleValue());
    if (tip != null && !tip.isNaN()) {
      account.real("tip_amount", tip.doubleValue());
    }
    return framed(id("yellow_v1.avsc", "AVRO"), avroBytes(schema, value));
  }

  private byte[] avroV2(Ride ride, Account account) throws Exception {
    Schema schema = new Schema.Parser().parse(text("yellow_v2.avsc"));
    LocalDateTime pickup = ride.pickup.truncatedTo(ChronoUnit.MICROS);
    LocalDateTime dropoff = ride.number % 6 == 0 ? null : ride.dropoff.truncatedTo(ChronoUnit.MICROS);
    Object vendor = switch (ride.number % 3) {
      case 0 -> ride.vendor;
      case 1 -> Integer.toString(ride.vendor);
      default -> null;
    };
    Schema flag = schema.getField("store_and_fwd_flag").schema().getTypes().get(1);
    Schema device = schema.getField("device").schema();
    Schema place = device.getField("mounted").schema();
    Object mounted = new GenericRecordBuilder(place).set("row", ride.number % 3).set("state", new GenericData.EnumSymbol(flag, "Y")).build();
    Integer firmware = ride.number % 2 == 0 ? null : -ride.number;
    Object model = new GenericRecordBuilder(device).set("model", "Zähler \"" + ride.number + "\"").set("firmware", firmware).set("mounted", mounted).build();
    List<String> zones = new ArrayList<>();
    for (int i = 0; i < ride.number % 9; i++) {
      zones.add("Staten Island, \u65e5\u672c \ud83d\ude95 " + i);
    }
    Map<String, Long> odometers = ride.number % 8 == 0 ? Map.of() : Map.of("left", Long.MIN_VALUE, "right", (long) ride.number);
    String dropoffLocation = ride.number % 13 == 0 ? "" : Integer.toString(ride.dropoffLocation);
    BigDecimal total = ride.total.setScale(4);
    BigDecimal tip = ride.tip == null ? null : ride.tip.setScale(4);
    float distance = (float) ride.distance;
    Object value = new GenericRecordBuilder(schema)
        .set("total_amount", total)
        .set("fare_amount", ride.fare)
        .set("tip_amount", tip)
        .set("airport_fee", ride.tip)
        .set("PULocationID", ride.pickupLocation)
        .set("DOLocationID", dropoffLocation)
        .set("vendor_id", vendor)
        .set("tpep_pickup_datetime", pickup.toInstant(ZoneOffset.UTC))
        .set("tpep_dropoff_datetime", dropoff)
        .set("trip_distance", distance)
        .set("store_and_fwd_flag", ride.flag == null ? null : new GenericData.EnumSymbol(flag, ride.flag))
        .set("electric", ride.number % 2 == 0)
        .set("device", model)
        .set("zones", zones)
        .set("odometers", odometers)
        .set("spare", null)
        .build();
    yellow(ride, account, pickup, dropoff).set("vendor_id", vendor).set("store_and_fwd_flag", ride.flag).real("trip_distance", distance)
        .decimal("fare_amount", ride.fare).decimal("tip_amount", tip).decimal("airport_fee", ride.tip).decimal("total_amount", total);
    if (vendor == null) {
      account.columns.remove("vendor_id");
    }
    if (dropoffLocation.isEmpty()) {
      account.columns.remove("dropoff_location_id");
    }
    account.extra.put("electric", ride.number % 2 == 0);
    ObjectNode saidDevice = account.extra.putObject("device").put("model", "Zähler \"" + ride.number + "\"").put("firmware", firmware);
    saidDevice.putObject("mounted").put("row", ride.number % 3).put("state", "Y");
    ArrayNode saidZones = account.extra.putArray("zones");
    zones.forEach(saidZones::add);
    ObjectNode saidOdometers = account.extra.putObject("odometers");
    odometers.forEach(saidOdometers::put);
    account.extra.putNull("spare");
    return framed(id("yellow_v2.avsc", "AVRO"), avroBytes(schema, value));
  }

  private byte[] avroGreen(Ride ride, Account account) throws Exception {
    Schema.Parser parser = new Schema.Parser();
    Schema zone = parser.parse(text("zone.avsc"));
    Schema schema = parser.parse(text("green_v2.avsc"));
    Schema borough = zone.getField("borough").schema();
    Object symbol = new GenericData.EnumSymbol(borough, "Queens");
    Object place = ride.number % 2 == 0 ? null : new GenericRecordBuilder(zone).set("id", ride.pickupLocation).set("borough", symbol).build();
    LocalDateTime pickup = ride.pickup.truncatedTo(ChronoUnit.MILLIS);
    Object tripType = switch (ride.number % 3) {
      case 0 -> null;
      case 1 -> "2";
      default -> 1;
    };
    Float fee = ride.tip == null ? null : ride.tip.floatValue();
    Object value = new GenericRecordBuilder(schema)
        .set("lpep_pickup_datetime", pickup)
        .set("lpep_dropoff_datetime", ride.dropoff.toLocalDate())
        .set("zone", place)
        .set("trip_type", tripType)
        .set("borough", symbol)
        .set("ehail_fee", fee)
        .set("puLocationId", (long) ride.pickupLocation)
        .set("do_location_id", ride.dropoffLocation)
        .set("Fare_Amount", ride.fare.toPlainString())
        .build();
    account.set("taxi_type", "green").set("pickup_datetime", pickup).set("dropoff_datetime", ride.dropoff.toLocalDate().atStartOfDay())
        .set("trip_type", tripType).set("pickup_location_id", ride.pickupLocation).set("dropoff_location_id", ride.dropoffLocation)
        .decimal("fare_amount", ride.fare);
    if (fee != null) {
      account.real("ehail_fee", fee.floatValue());
    }
    account.extra.put("borough", "Queens");
    if (place == null) {
      account.extra.putNull("zone");
    } else {
      account.extra.putObject("zone").put("id", ride.pickupLocation).put("borough", "Queens");
    }
    return framed(id("green_v2.avsc", "AVRO"), avroBytes(schema, value));
  }

  /** What all yellow rides have. */
  private static Account yellow(Ride ride, Account account, LocalDateTime pickup, LocalDateTime dropoff) {
    return account.set("taxi_type", "yellow").set("vendor_id", ride.vendor).set("pickup_datetime", pickup).set("dropoff_datetime", dropoff)
        .set("pickup_location_id", ride.pickupLocation).set("dropoff_location_id", ride.dropoffLocation);
  }

  // JSON.

  private byte[] jsonV1(Ride ride, Account account) throws Exception {
    ObjectNode value = JSON.createObjectNode()
        .put("VendorID", ride.vendor)
        .put("tpep_pickup_datetime", ride.pickup.toString()) // 2020-07-01T00:25 where the seconds are zero
        .put("tpep_dropoff_datetime", ride.dropoff.toString())
        .put("trip_distance", ride.fare)
        .put("PULocationID", ride.pickupLocation)
        .put("DOLocationID", ride.dropoffLocation)
        .put("fare_amount", ride.fare)
        .put("tip_amount", ride.tip)
        .put("total_amount", ride.total);
    yellow(ride, account, ride.pickup.truncatedTo(ChronoUnit.MICROS), ride.dropoff.truncatedTo(ChronoUnit.MICROS)).decimal("trip_distance", ride.fare)
        .decimal("fare_amount", ride.fare).decimal("tip_amount", ride.tip).decimal("total_amount", ride.total);
    return JSON.writeValueAsBytes(value);
  }

  private byte[] jsonV2(Ride ride, Account account) throws Exception {
    LocalDateTime pickup = ride.pickup.truncatedTo(ChronoUnit.SECONDS);
    ObjectNode value = JSON.createObjectNode();
    value.put("vendor_id", Integer.toString(ride.vendor));
    value.putArray("tpep_pickup_datetime").add(pickup.getYear()).add(pickup.getMonthValue()).add(pickup.getDayOfMonth()).add(pickup.getHour())
        .add(pickup.getMinute()).add(pickup.getSecond());
    value.putNull("tpep_dropoff_datetime");
    value.put("trip_distance", ride.total.toPlainString());
    value.put("PULocationID", ride.pickupLocation);
    value.put("DOLocationID", ride.dropoffLocation);
    value.put("fare_amount", ride.fare);
    value.put("congestion_surcharge", ride.tip);
    value.putObject("driver").put("rating", 4.5).putArray("languages").add("Español").add("English");
    yellow(ride, account, pickup, null).decimal("trip_distance", ride.total).decimal("fare_amount", ride.fare).decimal("congestion_surcharge", ride.tip);
    account.extra.set("driver", value.get("driver"));
    return framed(json("yellow_v2.json"), JSON.writeValueAsBytes(value));
  }

  // Protobuf.

  private byte[] protobufV1(Ride ride, Account account) throws Exception {
    v1.YellowTrip.Builder value = v1.YellowTrip.newBuilder()
        .setVendorID(ride.vendor)
        .setTpepPickupDatetime(timestamp(ride.pickup))
        .setTripDistance(ride.distance)
        .setPULocationID(ride.pickupLocation)
        .setDOLocationID(ride.dropoffLocation)
        .setPaymentType(ride.number % 2) // zero is not on the wire
        .setFareAmount(ride.fare.toPlainString())
        .setTotalAmount(ride.total.doubleValue());
    if (ride.passengers != null) {
      value.setPassengerCount(ride.passengers).setRatecodeID(Int32Value.of(ride.passengers));
    }
    if (ride.flag != null) {
      value.setStoreAndFwdFlag(ride.flag);
    }
    if (ride.tip != null) {
      value.setTipAmount(DoubleValue.of(ride.tip.doubleValue()));
      account.real("tip_amount", ride.tip.doubleValue());
    }
    yellow(ride, account, ride.pickup.truncatedTo(ChronoUnit.MICROS), null).set("passenger_count", ride.passengers).set("rate_code_id", ride.passengers)
        .set("payment_type", ride.number % 2).set("store_and_fwd_flag", ride.flag).real("trip_distance", ride.distance).decimal("fare_amount", ride.fare)
        .real("total_amount", ride.total.doubleValue());
    return framed(proto("yellow_v1.proto"), value.build());
  }

  private byte[] protobufV2(Ride ride, Account account) throws Exception {
    v2.YellowTrip.Builder value = v2.YellowTrip.newBuilder()
        .setVendorID(ride.vendor)
        .setTpepPickupDatetime(timestamp(ride.pickup))
        .setTpepDropoffDatetime(timestamp(ride.dropoff))
        .setTripDistance(ride.distance)
        .setPULocationID(ride.pickupLocation)
        .setDOLocationID(ride.dropoffLocation)
        .setPaymentType(1)
        .setFareAmount(ride.fare.toPlainString())
        .setZone(v2.Zone.newBuilder().setId(ride.pickupLocation).setBorough("The Bronx"))
        .addTags("airport").addTags("flat rate")
        .putCounters("bags", ride.number + 1)
        .addStops(-1).addStops(ride.number);
    if (ride.tip != null) {
      value.setAirportFee(StringValue.of(ride.tip.toPlainString()));
      BigDecimal fee = ride.number % 2 == 0 ? ride.tip : ride.tip.negate();
      value.setCbdCongestionFee(decimals.Decimal.newBuilder().setValue(ByteString.copyFrom(fee.unscaledValue().toByteArray())).setPrecision(9).setScale(2));
      account.decimal("cbd_congestion_fee", fee);
    }
    yellow(ride, account, ride.pickup.truncatedTo(ChronoUnit.MICROS), ride.dropoff.truncatedTo(ChronoUnit.MICROS)).set("payment_type", 1)
        .real("trip_distance", ride.distance).decimal("fare_amount", ride.fare).decimal("airport_fee", ride.tip);
    account.extra.putObject("zone").put("id", ride.pickupLocation).put("borough", "The Bronx");
    account.extra.putArray("tags").add("airport").add("flat rate");
    account.extra.putObject("counters").put("bags", ride.number + 1);
    account.extra.putArray("stops").add(-1).add(ride.number);
    return framed(proto("yellow_v2.proto"), value.build());
  }

  private byte[] protobufGreen(Ride ride, Account account) throws Exception {
    float distance = (float) ride.distance;
    v2.Fleet.Flag flag = "Y".equals(ride.flag) ? v2.Fleet.Flag.Y : v2.Fleet.Flag.N;
    v2.Fleet.GreenTrip.Builder value = v2.Fleet.GreenTrip.newBuilder()
        .setLpepPickupDatetime(timestamp(ride.pickup))
        .setLpepDropoffDatetime(timestamp(ride.dropoff))
        .setPuLocationId(ride.pickupLocation)
        .setDoLocationId(ride.dropoffLocation)
        .setTripDistance(distance)
        .setStoreAndFwdFlag(flag)
        .setCar(v2.Fleet.Car.newBuilder().setPlate("T" + ride.number + "C"))
        .setTripType(1 + ride.number % 2);
    account.set("taxi_type", "green").set("pickup_datetime", ride.pickup.truncatedTo(ChronoUnit.MICROS))
        .set("dropoff_datetime", ride.dropoff.truncatedTo(ChronoUnit.MICROS)).set("pickup_location_id", ride.pickupLocation)
        .set("dropoff_location_id", ride.dropoffLocation).set("store_and_fwd_flag", flag).set("trip_type", 1 + ride.number % 2).real("trip_distance", distance);
    if (ride.tip != null) {
      value.setEhailFee(ride.tip.toPlainString());
      account.decimal("ehail_fee", ride.tip);
    } else {
      value.setWaived(true);
      account.extra.put("waived", true);
    }
    account.extra.putObject("car").put("plate", "T" + ride.number + "C");
    return framed(proto("yellow_v2.descriptor"), value.build());
  }

  private byte[] minimal(Ride ride, Account account) {
    LocalDateTime pickup = ride.pickup.plusYears(10).truncatedTo(ChronoUnit.MILLIS); // before 1973 a bare number would be taken for seconds
    account.set("taxi_type", "yellow").set("pickup_datetime", pickup).set("pickup_location_id", ride.pickupLocation)
        .set("dropoff_location_id", ride.dropoffLocation).real("trip_distance", ride.distance).real("total_amount", ride.total.doubleValue());
    account.extra.putObject("zone").put("id", ride.pickupLocation).put("borough", "QUEENS");
    return minimal.Ride.newBuilder().setPULocationID(ride.pickupLocation).setDOLocationID(ride.dropoffLocation).setTripDistance(ride.distance)
        .setTotalAmount(ride.total.doubleValue()).setTpepPickupDatetime(pickup.toInstant(ZoneOffset.UTC).toEpochMilli())
        .setZone(zones.Zone.newBuilder().setId(ride.pickupLocation).setBorough(zones.Borough.QUEENS)).build().toByteArray();
  }

  private static Timestamp timestamp(LocalDateTime at) {
    return Timestamp.newBuilder().setSeconds(at.toEpochSecond(ZoneOffset.UTC)).setNanos(at.getNano()).build();
  }

  // The frame: a zero byte, the schema's id, in Protobuf the way to the message in its file, the value.

  private static byte[] framed(int id, byte[]... parts) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(0);
    out.write(ByteBuffer.allocate(4).putInt(id).array());
    for (byte[] part : parts) {
      out.write(part);
    }
    return out.toByteArray();
  }

  private static byte[] framed(int id, Message message) throws IOException {
    List<Integer> way = new ArrayList<>();
    for (Descriptor d = message.getDescriptorForType(); d != null; d = d.getContainingType()) {
      way.add(0, d.getIndex());
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    CodedOutputStream numbers = CodedOutputStream.newInstance(out);
    numbers.writeSInt32NoTag(way.size());
    for (int index : way) {
      numbers.writeSInt32NoTag(index);
    }
    numbers.flush();
    return framed(id, out.toByteArray(), message.toByteArray());
  }

  // The registry.

  private int json(String file) throws Exception {
    return id(file, "JSON");
  }

  private int proto(String file) throws Exception {
    return id(file, "PROTOBUF");
  }

  private String text(String file) throws IOException {
    if (DESCRIPTORS.containsKey(file)) {
      return Base64.getEncoder().encodeToString(DESCRIPTORS.get(file).toProto().toByteArray());
    }
    return file.equals("long") ? "\"long\"" : Files.readString(schemas.resolve(file));
  }

  /** A subject of this topic. Some have a slash, as those that Confluent's serializers make for imported files. */
  private String subject(String file) {
    return topic + "-" + file;
  }

  /** The id of a schema, which is registered when it is first asked for. */
  private int id(String file, String type) throws Exception {
    Integer known = ids.get(file);
    if (known != null) {
      return known;
    }
    ObjectNode body = JSON.createObjectNode().put("schemaType", type).put("schema", text(file));
    String[] reference = REFERENCES.get(file);
    if (reference != null) {
      id(reference[1], type);
      body.putArray("references").addObject().put("name", reference[0]).put("subject", subject(reference[1])).put("version", 1);
    }
    HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/subjects/" + URLEncoder.encode(subject(file), StandardCharsets.UTF_8) + "/versions"))
        .header("Content-Type", "application/vnd.schemaregistry.v1+json").POST(HttpRequest.BodyPublishers.ofString(body.toString())).build();
    HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(file + ": the registry answers " + answer.statusCode() + " " + answer.body());
    }
    int id = JSON.readTree(answer.body()).get("id").intValue();
    ids.put(file, id);
    return id;
  }
}
