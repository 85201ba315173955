{{- define "holdfast.labels" -}}
app.kubernetes.io/name: holdfast
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "holdfast.initialNodes" -}}
{{- $root := . -}}
{{- $nodes := list -}}
{{- range $i := until (int .Values.initialNodes) -}}
{{- $nodes = append $nodes (printf "%d@%s-%d.%s-nodes.%s.svc:7400" (add1 $i) $root.Release.Name $i $root.Release.Name $root.Release.Namespace) -}}
{{- end -}}
{{- join "," $nodes -}}
{{- end }}
