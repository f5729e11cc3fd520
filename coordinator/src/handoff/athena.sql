-- One view of the history and the live records of {{source}}, for Athena (Trino). Run the statements one by one.
-- {{jobs}}: the records show the table at {{shown}} UTC. Live records count from {{since}} UTC on.

CREATE EXTERNAL TABLE IF NOT EXISTS {{table}}_backfill_lines (line string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES ('input.regex' = '(.*)')
LOCATION '{{backfill_folder}}/';

CREATE EXTERNAL TABLE IF NOT EXISTS {{table}}_live_lines (line string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES ('input.regex' = '(.*)')
LOCATION '{{live}}/';

CREATE OR REPLACE VIEW {{table}}_changes AS
WITH lines AS (
  SELECT CASE WHEN regexp_like("$path", '/part-({{changes_short}})-') THEN 'changes' ELSE 'backfill' END AS _origin, line
  FROM {{table}}_backfill_lines WHERE regexp_like("$path", '/part-({{jobs_short}})-')
  UNION ALL
  SELECT 'live', line FROM {{table}}_live_lines
  -- The two may share a folder: shards of a backfill are no live records, and names that begin with _ or . are no data.
  WHERE NOT regexp_like("$path", '/part-[0-9a-f]{8}-[0-9]{6,}-[0-9]{5,}[.]')
    AND NOT regexp_like(substr("$path", length('{{live}}') + 1), '/[_.]')
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
)
SELECT * FROM changes WHERE _origin <> 'live' OR _written_at >= TIMESTAMP '{{since}} UTC';

-- The newest record of each item, removals among them: one that was removed stays removed. Ordered by
-- {{order}}.
CREATE OR REPLACE VIEW {{table}} AS
WITH newest AS (
  SELECT *, row_number() OVER (PARTITION BY {{keys}} ORDER BY _version DESC, _written_at DESC) AS _place
  FROM {{table}}_changes
)
SELECT {{keys}}, _item, _written_at, _version, _origin FROM newest WHERE _place = 1 AND _event <> 'REMOVE';

-- What there was to read.
SELECT _origin, _event, count(*) AS records, min(_written_at) AS first, max(_written_at) AS last
FROM {{table}}_changes GROUP BY 1, 2 ORDER BY 1, 2;

-- What must hold: each count is as expected.
SELECT 'records of the backfill' AS what, count(*) AS found, {{records}} AS expected
FROM {{table}}_changes WHERE _origin <> 'live'
UNION ALL
SELECT 'items that are in the table twice', count(*), 0
FROM (SELECT 1 FROM {{table}} GROUP BY {{keys}} HAVING count(*) > 1)
UNION ALL
SELECT 'records without a key', count(*), 0 FROM {{table}}_changes WHERE {{keys_missing}} OR _version IS NULL;
