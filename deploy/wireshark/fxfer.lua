-- Teaches Wireshark the frames of fxfer, version 2: a header of one line of JSON, session data, payload.
-- Put this file into the folder of personal Lua plugins (Help, About Wireshark, Folders), or run
--   tshark -X lua_script:fxfer.lua -r capture.pcap
-- The contract of the frames is `fxfer help wire`. What is encrypted by TLS stays encrypted.

local fxfer = Proto("fxfer", "fxfer")

local f = fxfer.fields
f.header = ProtoField.string("fxfer.header", "Header")
f.version = ProtoField.string("fxfer.version", "Version")
f.mime_type = ProtoField.string("fxfer.mime_type", "Media type")
f.action = ProtoField.string("fxfer.action", "Action")
f.mode = ProtoField.string("fxfer.mode", "Mode")
f.sequence = ProtoField.uint64("fxfer.sequence", "Sequence")
f.id = ProtoField.string("fxfer.id", "Session")
f.data = ProtoField.string("fxfer.data", "Session data")
f.code = ProtoField.string("fxfer.code", "Code")
f.name = ProtoField.string("fxfer.name", "Name")
f.offset = ProtoField.uint64("fxfer.offset", "Offset")
f.payload = ProtoField.bytes("fxfer.payload", "Payload")
f.size = ProtoField.uint64("fxfer.size", "Payload size")

fxfer.prefs.port = Pref.uint("TCP port", 65432, "The port of the server")

-- The longest header, and the longest session data, in bytes.
local MAX_HEADER, MAX_DATA = 16384, 65536

-- Reads one JSON value at `at`; returns it and the position behind it, or nothing.
local function json(text, at, depth)
  at = text:match("^[ \t\r\n]*()", at)
  local first = text:sub(at, at)
  if first == '"' then
    local stop = at + 1
    while true do
      stop = text:find('["\\]', stop)
      if not stop then return nil end
      if text:sub(stop, stop) == '"' then break end
      stop = stop + 2
    end
    return text:sub(at + 1, stop - 1), stop + 1
  elseif first == "{" or first == "[" then
    if depth > 8 then return nil end
    local close = first == "{" and "}" or "]"
    local result, key, value = {}, nil, nil
    at = text:match("^[ \t\r\n]*()", at + 1)
    if text:sub(at, at) == close then return result, at + 1 end
    while true do
      if first == "{" then
        key, at = json(text, at, depth + 1)
        at = at and text:match("^[ \t\r\n]*:()", at)
        if not at then return nil end
      else
        key = #result + 1
      end
      value, at = json(text, at, depth + 1)
      if value == nil then return nil end
      result[key] = value
      local mark
      mark, at = text:match("^[ \t\r\n]*([,%]}])()", at)
      if mark == close then return result, at end
      if mark ~= "," then return nil end
    end
  end
  local word, stop = text:match("^([%w+.-]+)()", at)
  if word == "true" or word == "false" then return word == "true", stop end
  if word == "null" then return false, stop end
  local number = tonumber(word)
  if number then return number, stop end
  return nil
end

local function object(text)
  local value = json(text, 1, 1)
  return type(value) == "table" and value or nil
end

local function whole(value)
  if type(value) ~= "number" or value < 0 or value ~= math.floor(value) then return nil end
  return value
end

local function field(tree, proto_field, range, value)
  if type(value) == "string" then tree:add(proto_field, range, value) end
  if whole(value) then tree:add(proto_field, range, UInt64.new(value)) end
end

-- Reads one frame at `at`. Returns its length, or 0 and how many bytes are missing, or nothing if the
-- bytes are no frame.
local function frame(tvb, at, pinfo, root)
  local left = tvb:len() - at
  local text = tvb:range(at, math.min(left, MAX_HEADER + 1)):raw()
  if text:sub(1, 1) ~= "{" then return nil end
  local line = text:find("\n", 1, true)
  if not line then
    if left > MAX_HEADER then return nil end
    return 0, DESEGMENT_ONE_MORE_SEGMENT
  end
  local header = object(text:sub(1, line - 1))
  local session = header and header.session
  if type(session) ~= "table" then return nil end
  local size, data_size = whole(header.size), whole(session.data_size or 0)
  if not size or not data_size or data_size > MAX_DATA then return nil end
  local length = line + data_size + size
  if length > left then return 0, length - left end

  local tree = root:add(fxfer, tvb:range(at, length))
  local head = tvb:range(at, line - 1)
  local header_tree = tree:add(f.header, head)
  field(header_tree, f.version, head, header.version)
  field(header_tree, f.mime_type, head, header.mime_type)
  field(header_tree, f.action, head, session.action)
  field(header_tree, f.mode, head, session.mode)
  field(header_tree, f.sequence, head, session.sequence)
  field(header_tree, f.id, head, session.id)
  field(header_tree, f.size, head, size)
  local code
  if data_size > 0 then
    local range = tvb:range(at + line, data_size)
    local data_tree = tree:add(f.data, range)
    local data = object(range:raw()) or {}
    code = data.code
    field(data_tree, f.code, range, code)
    field(data_tree, f.name, range, data.name)
    field(data_tree, f.offset, range, data.offset)
  end
  if size > 0 then tree:add(f.payload, tvb:range(at + line + data_size, size)) end

  local number = session.mode == "stateful" and whole(session.sequence)
  local what = tostring(session.action) .. (number and string.format(" #%d", number) or "")
  if type(code) == "string" then what = code .. " (" .. what .. ")" end
  if size > 0 then what = what .. string.format(", %d bytes", size) end
  tree:append_text(": " .. what)
  pinfo.cols.info:append(what .. "; ")
  return length
end

function fxfer.dissector(tvb, pinfo, root)
  local at = 0
  pinfo.cols.info:set("")
  while at < tvb:len() do
    local length, missing = frame(tvb, at, pinfo, root)
    if not length then return at end
    pinfo.cols.protocol:set("fxfer")
    if length == 0 then
      pinfo.desegment_offset = at
      pinfo.desegment_len = missing
      return tvb:len()
    end
    at = at + length
  end
  return at
end

local ports = DissectorTable.get("tcp.port")
local port = 0

local function listen()
  if port == fxfer.prefs.port then return end
  if port ~= 0 then ports:remove(port, fxfer) end
  port = fxfer.prefs.port
  if port ~= 0 then ports:add(port, fxfer) end
end

fxfer.prefs_changed = listen
listen()
