-- Makes rides. It locks nothing that exists and takes milliseconds, however much data there is.
-- No index: the ledger already makes doubles impossible, and COPY without an index is about twice as fast.
-- Columns of eight bytes come first, then those of four, then those of varying length, so that no row holds padding.
CREATE TABLE rides (
    kafka_offset          bigint NOT NULL,
    kafka_timestamp       timestamptz,
    pickup_datetime       timestamp,
    dropoff_datetime      timestamp,
    kafka_partition       integer NOT NULL,
    vendor_id             integer,
    passenger_count       integer,
    rate_code_id          integer,
    pickup_location_id    integer,
    dropoff_location_id   integer,
    payment_type          integer,
    trip_type             integer,
    kafka_topic           text NOT NULL,
    taxi_type             text,
    store_and_fwd_flag    text,
    trip_distance         numeric,
    fare_amount           numeric,
    extra                 numeric,
    mta_tax               numeric,
    tip_amount            numeric,
    tolls_amount          numeric,
    ehail_fee             numeric,
    improvement_surcharge numeric,
    total_amount          numeric,
    congestion_surcharge  numeric,
    airport_fee           numeric,
    cbd_congestion_fee    numeric,
    extra_fields          jsonb
);

COMMENT ON TABLE rides IS 'Taxi rides, one row for each ride record of the Kafka topics, each stored exactly once. Positions are in sink_ledger.';
COMMENT ON COLUMN rides.kafka_offset IS 'Offset of the record in its partition. Topic, partition and offset together name a record.';
COMMENT ON COLUMN rides.kafka_timestamp IS 'Timestamp of the Kafka record; NULL if it had none, or one that timestamptz cannot hold.';
COMMENT ON COLUMN rides.pickup_datetime IS 'When the meter was started: New York wall clock, without a zone.';
COMMENT ON COLUMN rides.dropoff_datetime IS 'When the meter was stopped: New York wall clock, without a zone.';
COMMENT ON COLUMN rides.kafka_partition IS 'Partition that the record was read from.';
COMMENT ON COLUMN rides.vendor_id IS 'Provider of the record (TLC VendorID), such as 1 Creative Mobile, 2 Curb.';
COMMENT ON COLUMN rides.passenger_count IS 'Passengers, as the driver entered them.';
COMMENT ON COLUMN rides.rate_code_id IS 'Rate at the end of the ride (TLC RatecodeID): 1 standard, 2 JFK, 3 Newark, 4 Nassau or Westchester, 5 negotiated, 6 group, 99 unknown.';
COMMENT ON COLUMN rides.pickup_location_id IS 'TLC taxi zone where the ride began (PULocationID), 1 to 265.';
COMMENT ON COLUMN rides.dropoff_location_id IS 'TLC taxi zone where the ride ended (DOLocationID), 1 to 265.';
COMMENT ON COLUMN rides.payment_type IS 'How it was paid: 0 flex fare, 1 card, 2 cash, 3 no charge, 4 dispute, 5 unknown, 6 voided.';
COMMENT ON COLUMN rides.trip_type IS 'Green taxis: 1 hailed in the street, 2 dispatched.';
COMMENT ON COLUMN rides.kafka_topic IS 'Topic that the record was read from.';
COMMENT ON COLUMN rides.taxi_type IS 'yellow if the record named its times tpep_, green if lpep_, else NULL.';
COMMENT ON COLUMN rides.store_and_fwd_flag IS 'Y if the record waited in the vehicle for a connection, N if not.';
COMMENT ON COLUMN rides.trip_distance IS 'Distance by the meter, in miles.';
COMMENT ON COLUMN rides.fare_amount IS 'Fare by time and distance, in dollars. Refunds are negative.';
COMMENT ON COLUMN rides.extra IS 'Extras, such as for rush hour and night, in dollars.';
COMMENT ON COLUMN rides.mta_tax IS 'MTA tax, in dollars.';
COMMENT ON COLUMN rides.tip_amount IS 'Tip, in dollars. Tips in cash are not in it.';
COMMENT ON COLUMN rides.tolls_amount IS 'Tolls paid, in dollars.';
COMMENT ON COLUMN rides.ehail_fee IS 'Green taxis: fee for an e-hail, in dollars.';
COMMENT ON COLUMN rides.improvement_surcharge IS 'Improvement surcharge, in dollars.';
COMMENT ON COLUMN rides.total_amount IS 'What the passenger was charged, in dollars, without tips in cash.';
COMMENT ON COLUMN rides.congestion_surcharge IS 'New York State congestion surcharge, in dollars.';
COMMENT ON COLUMN rides.airport_fee IS 'Fee for pickups at LaGuardia and JFK, in dollars.';
COMMENT ON COLUMN rides.cbd_congestion_fee IS 'Fee of the congestion relief zone since 2025, in dollars.';
COMMENT ON COLUMN rides.extra_fields IS 'Fields of the record that have no column, as they came; NULL if there were none.';

COMMENT ON COLUMN sink_schema_migrations.version IS 'Number of the newest migration that was begun.';
COMMENT ON COLUMN sink_schema_migrations.dirty IS 'True while a migration runs, and after one that was killed.';

-- The mark of what was applied, in the transaction that applies it: sink migrate up --recover reads it.
COMMENT ON TABLE sink_schema_migrations IS 'Version of the sink''s tables, kept by sink migrate. Applied: 1';
