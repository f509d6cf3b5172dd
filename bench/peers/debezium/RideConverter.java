import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.storage.Converter;

/**
 * Gives a ride in JSON the schema that Debezium's JDBC sink wants of a record, under the names of the table's columns. Connect's own
 * JsonConverter takes a schema only from inside each record. A time stays text: PostgreSQL reads it (stringtype=unspecified).
 */
public final class RideConverter implements Converter {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final Object[][] FIELDS = {
        {"VendorID", "vendor_id", Schema.OPTIONAL_INT32_SCHEMA},
        {"tpep_pickup_datetime", "pickup_datetime", Schema.OPTIONAL_STRING_SCHEMA},
        {"tpep_dropoff_datetime", "dropoff_datetime", Schema.OPTIONAL_STRING_SCHEMA},
        {"passenger_count", "passenger_count", Schema.OPTIONAL_INT32_SCHEMA},
        {"trip_distance", "trip_distance", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"RatecodeID", "rate_code_id", Schema.OPTIONAL_INT32_SCHEMA},
        {"store_and_fwd_flag", "store_and_fwd_flag", Schema.OPTIONAL_STRING_SCHEMA},
        {"PULocationID", "pickup_location_id", Schema.OPTIONAL_INT32_SCHEMA},
        {"DOLocationID", "dropoff_location_id", Schema.OPTIONAL_INT32_SCHEMA},
        {"payment_type", "payment_type", Schema.OPTIONAL_INT32_SCHEMA},
        {"fare_amount", "fare_amount", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"extra", "extra", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"mta_tax", "mta_tax", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"tip_amount", "tip_amount", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"tolls_amount", "tolls_amount", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"improvement_surcharge", "improvement_surcharge", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"total_amount", "total_amount", Schema.OPTIONAL_FLOAT64_SCHEMA},
        {"congestion_surcharge", "congestion_surcharge", Schema.OPTIONAL_FLOAT64_SCHEMA},
    };

    private static final Schema RIDE = schema();

    private static Schema schema() {
        SchemaBuilder builder = SchemaBuilder.struct().name("ride");
        for (Object[] field : FIELDS) {
            builder.field((String) field[1], (Schema) field[2]);
        }
        return builder.build();
    }

    @Override
    public void configure(Map<String, ?> settings, boolean isKey) {}

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        throw new DataException("rides are only read");
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        JsonNode json;
        try {
            json = JSON.readTree(value);
        } catch (IOException e) {
            throw new DataException("not JSON", e);
        }
        Struct ride = new Struct(RIDE);
        for (Object[] field : FIELDS) {
            JsonNode member = json.get((String) field[0]);
            if (member != null && !member.isNull()) {
                ride.put((String) field[1], convert(((Schema) field[2]).type(), member));
            }
        }
        return new SchemaAndValue(RIDE, ride);
    }

    private static Object convert(Schema.Type type, JsonNode member) {
        switch (type) {
            case INT32:
                return member.intValue();
            case FLOAT64:
                return member.doubleValue();
            default:
                return member.textValue();
        }
    }
}
