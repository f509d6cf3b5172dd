"""The consumer that courses teach: a row an INSERT, a commit a row.

Arguments: brokers, topic, group, database."""
import json
import sys

import psycopg2
from kafka import KafkaConsumer

brokers, topic, group, database = sys.argv[1:]

INSERT = """
INSERT INTO rides (vendor_id, pickup_datetime, dropoff_datetime, passenger_count, trip_distance, rate_code_id, store_and_fwd_flag,
  pickup_location_id, dropoff_location_id, payment_type, fare_amount, extra, mta_tax, tip_amount, tolls_amount, improvement_surcharge,
  total_amount, congestion_surcharge)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

connection = psycopg2.connect(database)
cursor = connection.cursor()
consumer = KafkaConsumer(
    topic,
    bootstrap_servers=brokers.split(","),
    group_id=group,
    auto_offset_reset="earliest",
    enable_auto_commit=True,
    value_deserializer=lambda value: json.loads(value.decode("utf-8")),
)
for record in consumer:
    ride = record.value
    cursor.execute(INSERT, (
        ride["VendorID"], ride["tpep_pickup_datetime"], ride["tpep_dropoff_datetime"], ride["passenger_count"], ride["trip_distance"],
        ride["RatecodeID"], ride["store_and_fwd_flag"], ride["PULocationID"], ride["DOLocationID"], ride["payment_type"],
        ride["fare_amount"], ride["extra"], ride["mta_tax"], ride["tip_amount"], ride["tolls_amount"], ride["improvement_surcharge"],
        ride["total_amount"], ride["congestion_surcharge"],
    ))
    connection.commit()
