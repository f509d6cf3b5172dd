import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * Runs a script of Flink SQL in a cluster inside this process and ends when its last statement is done, as the SQL client does with a cluster
 * beside it. Arguments: the script, the parallelism, and settings as key=value.
 */
public final class RunSql {
    private RunSql() {}

    public static void main(String[] args) throws Exception {
        Configuration settings = new Configuration();
        for (int i = 2; i < args.length; i++) {
            int equals = args[i].indexOf('=');
            settings.setString(args[i].substring(0, equals), args[i].substring(equals + 1));
        }
        StreamExecutionEnvironment cluster = StreamExecutionEnvironment.createLocalEnvironment(Integer.parseInt(args[1]), settings);
        StreamTableEnvironment tables = StreamTableEnvironment.create(cluster);
        for (String statement : Files.readString(Path.of(args[0])).split(";\\s*\n")) {
            if (!statement.isBlank()) {
                tables.executeSql(statement).await();
            }
        }
    }
}
