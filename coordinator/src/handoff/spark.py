"""One table of the history and the live records of {{source}}.

{{jobs}}: the records show the table at {{shown}} UTC. Live records count from {{since}} UTC on.
Run it with spark-submit, or in a notebook that has `spark`. It writes the table {{table}} anew from all records.
"""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()

# Lines as text: whoever lets Spark guess a schema gets columns that depend on the data.
jobs = [
{{spark_jobs}}
]
live = (
    spark.read.option("recursiveFileLookup", "true")
    .text("{{live}}")
    # The two may share a folder, and shards of a backfill are no live records.
    .where(~F.input_file_name().rlike("/part-[0-9a-f]{8}-[0-9]{6,}-[0-9]{5,}[.]"))
)
lines = live.select(F.lit("live").alias("_origin"), F.col("value").alias("line"))
for origin, folder, shards in jobs:
    written = spark.read.option("pathGlobFilter", shards).text(folder)
    lines = lines.unionByName(written.select(F.lit(origin).alias("_origin"), F.col("value").alias("line")))
lines.createOrReplaceTempView("lines")

changes = spark.sql(r"""
{{changes}}
""")
changes.createOrReplaceTempView("changes")

# The newest record of each item, removals among them: one that was removed stays removed. Ordered by
# {{order}}.
newest = spark.sql("""
SELECT * FROM (
  SELECT *, row_number() OVER (PARTITION BY {{keys}} ORDER BY _version DESC, _written_at DESC) AS _place FROM changes)
WHERE _place = 1
""")
items = newest.where("_event <> 'REMOVE'").drop("_event", "_place")
items.write.mode("overwrite").saveAsTable("{{table}}")

# What must hold: each count is as expected.
table = spark.table("{{table}}")
checks = [
    ("records of the backfill", changes.where("_origin <> 'live'").count(), {{records}}),
    ("items that are in the table twice", table.groupBy({{key_strings}}).count().where("count > 1").count(), 0),
    ("items of the newest records that are not in the table", items.count() - table.count(), 0),
    ("records without a key", changes.where("{{keys_missing}} OR _version IS NULL").count(), 0),
]
for what, found, expected in checks:
    print(f"{what}: {found}, expected {expected}{'' if found == expected else ': WRONG'}")

# What there was to read.
counted = [F.count("*").alias("records"), F.min("_written_at").alias("first"), F.max("_written_at").alias("last")]
changes.groupBy("_origin", "_event").agg(*counted).orderBy("_origin", "_event").show(truncate=False)
