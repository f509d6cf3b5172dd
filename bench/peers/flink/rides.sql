CREATE TABLE topic (
  VendorID INT, tpep_pickup_datetime TIMESTAMP(6), tpep_dropoff_datetime TIMESTAMP(6), passenger_count INT, trip_distance DOUBLE, RatecodeID INT,
  store_and_fwd_flag STRING, PULocationID INT, DOLocationID INT, payment_type INT, fare_amount DOUBLE, extra DOUBLE, mta_tax DOUBLE,
  tip_amount DOUBLE, tolls_amount DOUBLE, improvement_surcharge DOUBLE, total_amount DOUBLE, congestion_surcharge DOUBLE
) WITH (
  'connector' = 'kafka',
  'topic' = '{{.Topic}}',
  'properties.bootstrap.servers' = '{{.Brokers}}',
  'properties.group.id' = '{{.Group}}',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);
CREATE TABLE rides (
  vendor_id INT, pickup_datetime TIMESTAMP(6), dropoff_datetime TIMESTAMP(6), passenger_count INT, trip_distance DOUBLE, rate_code_id INT,
  store_and_fwd_flag STRING, pickup_location_id INT, dropoff_location_id INT, payment_type INT, fare_amount DOUBLE, extra DOUBLE, mta_tax DOUBLE,
  tip_amount DOUBLE, tolls_amount DOUBLE, improvement_surcharge DOUBLE, total_amount DOUBLE, congestion_surcharge DOUBLE
) WITH (
  'connector' = 'jdbc',
  'url' = '{{.JDBC}}&reWriteBatchedInserts=true',
  'username' = '{{.User}}',
  'password' = '{{.Password}}',
  'table-name' = 'rides',
  'sink.buffer-flush.max-rows' = '5000'
);
INSERT INTO rides SELECT * FROM topic;
