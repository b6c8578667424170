-- Clients for wrk: each request carries one of the cookies of a file, chosen at random, and goes to one of some paths.
--
-- From the environment: BENCH_COOKIES, a file of lines of BENCH_WIDTH octets (newline included), or none for visitors without a cookie;
-- BENCH_SAMPLE, how many of its BENCH_COUNT lines to use, drawn by BENCH_SEED; BENCH_PATHS, the paths, one drawn for each request.

local paths = {}
local cookies = {}
local requests = {}

local function sample(count, wanted)
  local width = tonumber(os.getenv("BENCH_WIDTH"))
  local file = assert(io.open(os.getenv("BENCH_COOKIES")))
  for i = 1, wanted do
    local line = wanted == count and i - 1 or math.random(0, count - 1)
    file:seek("set", line * width)
    cookies[i] = file:read(width):gsub("%s+$", "")
  end
  file:close()
end

function init()
  math.randomseed(tonumber(os.getenv("BENCH_SEED")))
  for path in os.getenv("BENCH_PATHS"):gmatch("%S+") do
    paths[#paths + 1] = path
  end
  local count = tonumber(os.getenv("BENCH_COUNT"))
  if count > 0 then
    sample(count, math.min(count, tonumber(os.getenv("BENCH_SAMPLE"))))
  end
  -- All texts are made before the clock runs.
  for i = 1, math.max(#cookies, 100) do
    local path = paths[math.random(#paths)]
    local headers = #cookies > 0 and { Cookie = cookies[i % #cookies + 1] } or {}
    requests[i] = wrk.format("GET", path, headers)
  end
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("BENCH %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
