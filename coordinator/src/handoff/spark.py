"""One table of the history and the live records of {{source}}.

Job {{job}}; its records show the table at {{shown}} UTC. Live records count from {{since}} UTC on.
Run it with spark-submit, or in a notebook that has `spark`. It writes the table {{table}} anew from all records.
"""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()

# Lines as text: whoever lets Spark guess a schema gets columns that depend on the data.
backfill = spark.read.option("pathGlobFilter", "{{shards}}").text("{{backfill}}")
live = (
    spark.read.option("recursiveFileLookup", "true")
    .text("{{live}}")
    # The two may share a folder, and shards of a backfill are no live records.
    .where(~F.input_file_name().rlike("/part-[0-9a-f]{8}-[0-9]{6,}-[0-9]{5,}[.]"))
)
lines = backfill.select(F.lit("backfill").alias("_origin"), F.col("value").alias("line")).unionByName(
    live.select(F.lit("live").alias("_origin"), F.col("value").alias("line"))
)
lines.createOrReplaceTempView("lines")

# The newest record of each item, removals among them: one that was removed stays removed. Ordered by
# {{order}}.
newest = spark.sql(r"""
{{newest}}
""")
items = newest.where("_event <> 'REMOVE'").drop("_event", "_place")
items.write.mode("overwrite").saveAsTable("{{table}}")

# What must hold: each count is as expected.
table = spark.table("{{table}}")
checks = [
    ("shards' records", lines.where("_origin = 'backfill'").selectExpr("{{unfolded_line}} AS r").count(), {{records}}),
    ("items that are in the table twice", table.groupBy({{key_strings}}).count().where("count > 1").count(), 0),
    ("records without a key", newest.where("{{keys_missing}} OR _version IS NULL").count(), 0),
]
for what, found, expected in checks:
    print(f"{what}: {found}, expected {expected}{'' if found == expected else ': WRONG'}")
newest.groupBy("_origin", "_event").agg(F.count("*"), F.min("_written_at"), F.max("_written_at")).show(truncate=False)
