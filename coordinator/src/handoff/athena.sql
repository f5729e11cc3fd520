-- One view of the history and the live records of {{source}}, for Athena (Trino). Run the statements one by one.
-- Job {{job}}; its records show the table at {{shown}} UTC. Live records count from {{since}} UTC on.

CREATE EXTERNAL TABLE IF NOT EXISTS {{table}}_backfill_lines (line string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES ('input.regex' = '(.*)')
LOCATION '{{backfill}}/';

CREATE EXTERNAL TABLE IF NOT EXISTS {{table}}_live_lines (line string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES ('input.regex' = '(.*)')
LOCATION '{{live}}/';

-- The newest record of each item, removals among them: one that was removed stays removed. Ordered by
-- {{order}}.
CREATE OR REPLACE VIEW {{table}} AS
WITH lines AS (
  SELECT 'backfill' AS _origin, line FROM {{table}}_backfill_lines WHERE "$path" LIKE '%/part-{{job_short}}-%'
  UNION ALL
  SELECT 'live', line FROM {{table}}_live_lines
  -- The two may share a folder, and shards of a backfill are no live records.
  WHERE NOT regexp_like("$path", '/part-[0-9a-f]{8}-[0-9]{6,}-[0-9]{5,}[.]')
), records AS (
  {{trino_records}}
), changes AS (
  SELECT _origin,
       {{key_values}},
       {{event}} AS _event,
       {{written_at}} AS _written_at,
       {{version}} AS _version,
       {{image}} AS _item
  FROM records
), newest AS (
  SELECT *, row_number() OVER (PARTITION BY {{keys}} ORDER BY _version DESC, _written_at DESC) AS _place
  FROM changes
  WHERE _origin = 'backfill' OR _written_at >= TIMESTAMP '{{since}} UTC'
)
SELECT {{keys}}, _item, _written_at, _version, _origin FROM newest WHERE _place = 1 AND _event <> 'REMOVE';

-- What must hold: each count is as expected.
SELECT 'lines of the backfill' AS what, count(*) AS found FROM {{table}}_backfill_lines
WHERE "$path" LIKE '%/part-{{job_short}}-%'
UNION ALL
SELECT 'items that are in the table twice: 0', count(*) FROM (SELECT 1 FROM {{table}} GROUP BY {{keys}} HAVING count(*) > 1);
