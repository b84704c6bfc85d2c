{{/* What the node reads: the keys of deploy/smsc.example.toml, as YAML. The chart adds where things lie in the pod; what
     differs from pod to pod (node.name, cluster.advertise) comes from the environment. */}}
{{- define "smsc.config" -}}
{{- $root := . -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "node" (dict "data_dir" "/var/lib/smsc") -}}

{{- $listeners := list -}}
{{- range $name, $listener := include "smsc.listeners" . | fromYaml -}}
{{- $one := dict "address" (printf "%s:%d" $root.Values.bindAddress (int $listener.port)) -}}
{{- if $listener.tls.enabled -}}
{{- $folder := printf "/etc/smsc/tls/%s" $name -}}
{{- $tls := dict "certificate" (printf "%s/tls.crt" $folder) "key" (printf "%s/tls.key" $folder) -}}
{{- if $listener.tls.clientCa -}}{{- $_ := set $tls "client_ca" (printf "%s/%s" $folder $listener.tls.clientCa) -}}{{- end -}}
{{- $_ := set $one "tls" $tls -}}
{{- end -}}
{{- if $listener.proxyProtocol.required -}}
{{- if not $listener.proxyProtocol.trustedProxies -}}
{{- fail (printf "listeners.%s.proxyProtocol.trustedProxies is empty while the header is required: nobody could connect. Name the balancers' networks." $name) -}}
{{- end -}}
{{- $_ := set $one "proxy_protocol" "required" -}}
{{- $_ := set $one "trusted_proxies" $listener.proxyProtocol.trustedProxies -}}
{{- end -}}
{{- $listeners = append $listeners $one -}}
{{- end -}}
{{- $_ := set $config "listener" $listeners -}}

{{- $accounts := list -}}
{{- range .Values.accounts -}}
{{- $account := omit . "passwordSecret" -}}
{{- if not (or .password .password_file .password_hash) -}}
{{- $_ := set $account "password_file" (printf "/etc/smsc/passwords/account-%s" .system_id) -}}
{{- end -}}
{{- $accounts = append $accounts $account -}}
{{- end -}}
{{- $operators := list -}}
{{- range .Values.operators -}}
{{- $operator := omit . "passwordSecret" -}}
{{- if not (or .password .password_file) -}}
{{- $_ := set $operator "password_file" (printf "/etc/smsc/passwords/operator-%s" .name) -}}
{{- end -}}
{{- $operators = append $operators $operator -}}
{{- end -}}
{{- with $accounts -}}{{- $_ := set $config "account" . -}}{{- end -}}
{{- with $operators -}}{{- $_ := set $config "operator" . -}}{{- end -}}
{{- with .Values.routes -}}{{- $_ := set $config "route" . -}}{{- end -}}
{{- with .Values.moRoutes -}}{{- $_ := set $config "mo_route" . -}}{{- end -}}

{{- $store := default dict $config.store -}}
{{- if not (hasKey $store "memory_max") -}}
{{- $limit := include "smsc.mebibytes" (dig "limits" "memory" "1Gi" .Values.resources) | int -}}
{{- $_ := set $store "memory_max" (printf "%dMiB" (div $limit 4)) -}}
{{- end -}}
{{- with $store.postgres -}}
{{- if and $root.Values.database.passwordSecret.name (not .password_file) -}}{{- $_ := set . "password_file" "/etc/smsc/database/password" -}}{{- end -}}
{{- if and $root.Values.database.caSecret.name (not .ca) -}}{{- $_ := set . "ca" "/etc/smsc/database/ca.crt" -}}{{- end -}}
{{- else -}}
{{- if eq (default "sled" $store.journal) "postgres" -}}
{{- fail "config.store.journal is postgres, and config.store.postgres.urls names no database." -}}
{{- end -}}
{{- end -}}
{{- $_ := set $config "store" $store -}}

{{- if eq (include "smsc.clustered" .) "true" -}}
{{- $nodes := .Values.cluster.nodesExpected | default (ternary .Values.autoscaling.maxReplicas .Values.replicaCount .Values.autoscaling.enabled) -}}
{{- $cluster := dict "name" (default (include "smsc.fullname" .) .Values.cluster.name) "listen" (printf "%s:%d" .Values.bindAddress (int .Values.cluster.port)) "nodes_expected" (int $nodes) -}}
{{- $seeds := .Values.cluster.seeds | default (list (printf "%s:%d" (include "smsc.headlessDomain" .) (int .Values.cluster.port))) -}}
{{- $_ := set $cluster "seeds" $seeds -}}
{{- if eq (include "smsc.clusterTls" .) "true" -}}
{{- $_ := set $cluster "tls" (dict "certificate" "/etc/smsc/tls/cluster/tls.crt" "key" "/etc/smsc/tls/cluster/tls.key" "ca" "/etc/smsc/tls/cluster/ca.crt") -}}
{{- end -}}
{{- $_ := set $config "cluster" $cluster -}}
{{- end -}}

{{- $http := dict "address" (printf "%s:%d" .Values.bindAddress (int .Values.api.port)) "token_file" "/etc/smsc/token/token" -}}
{{- if .Values.agentCheck.enabled -}}{{- $_ := set $http "agent_check" (printf "%s:%d" .Values.bindAddress (int .Values.agentCheck.port)) -}}{{- end -}}
{{- $_ := set $config "http" $http -}}
{{- with $config.cdr -}}
{{- if not .folder -}}{{- $_ := set $config "cdr" (merge (dict "folder" "/var/lib/smsc/cdr") .) -}}{{- end -}}
{{- end -}}
{{- range $key, $value := $config -}}{{- if empty $value -}}{{- $_ := unset $config $key -}}{{- end -}}{{- end -}}
{{ toYaml $config }}
{{- end }}

{{/* What can be taken up only by a start: not accounts, operators and routes, nor the log level. */}}
{{- define "smsc.restartConfig" -}}
{{- $config := include "smsc.config" . | fromYaml -}}
{{- $_ := set $config "telemetry" (omit (default dict $config.telemetry) "log_level") -}}
{{ toYaml (omit $config "account" "operator" "route" "mo_route" "router") }}
{{- end }}
